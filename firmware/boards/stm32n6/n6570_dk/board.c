/* STM32N6570-DK: STM32N657X0 with 128 MiB of octal NOR (MX66UW1G45G). The overdrive pin works on boards from revision C on (MB1939). */
#include "boards/stm32n6/map.h"

const struct n6_board n6_board = {.nor_bytes = 128u << 20, .overdrive_port = 'F', .overdrive_pin = 4, .has_psram = true};

struct pose_board_info n6_info = {.name = "n6", .mcu = "stm32n657x0", N6_INFO};
