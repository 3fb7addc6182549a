/* STM32H7S78-DK (MB1736): STM32H7S7L8 with 128 MiB of octal NOR (MX66UW1G45G) on XSPI2; the ST-LINK's virtual COM port is on UART4, PD0 and PD1. Its PSRAM is not
 * used. */
#include "boards/stm32h7rs/map.h"

const struct h7rs_board h7rs_board = {.nor_log2 = 27};

struct pose_board_info h7rs_info = {.name = "h7s78", .mcu = "stm32h7s7l8", H7RS_INFO};
