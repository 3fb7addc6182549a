/* NUCLEO-N657X0-Q: STM32N657X0 with 64 MiB of octal NOR (MX25UM51245G). */
#include "boards/stm32n6/map.h"

const struct n6_board n6_board = {.nor_bytes = 64u << 20, .overdrive_port = 'B', .overdrive_pin = 12};

struct pose_board_info n6_info = {.name = "n6-nucleo", .mcu = "stm32n657x0", N6_INFO};
