/* What a NUCLEO-H743ZI2 says of itself. */
#include "boards/stm32h7/map.h"

/* The rest of bank 1 and all of bank 2, which follow each other. */
struct pose_board_info h7_info = {.name = "h7", .mcu = "stm32h743zi", .network_max_bytes = H7_NETWORK_BYTES(2048u - 128u), H7_INFO};
