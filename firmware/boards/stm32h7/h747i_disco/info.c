/* What a STM32H747I-DISCO says of itself. */
#include "boards/stm32h7/map.h"

/* The rest of bank 1: bank 2 starts with what the Cortex-M4 boots. */
struct pose_board_info h7_info = {.name = "h747", .mcu = "stm32h747xi", .network_max_bytes = H7_NETWORK_BYTES(1024u - 128u), H7_INFO};
