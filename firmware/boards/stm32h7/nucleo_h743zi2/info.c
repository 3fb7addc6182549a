/* What a NUCLEO-H743ZI2 says of itself. */
#include "boards/stm32h7/map.h"

#define NETWORK 0x08020000u /* the rest of bank 1 and all of bank 2, which follow each other */

struct pose_board_info h7_info = {
    .name = "h7",
    .mcu = "stm32h743zi",
    .network = (const void *)NETWORK,
    .network_max_bytes = H7_NETWORK_BYTES(2048u - 128u),
    H7_INTERNAL_ARENA,
    H7_INTERNAL_SLOTS,
    H7_INFO,
};

/* There is none. */
uint32_t h7_external_start(uint32_t bus_hz, struct h7_window windows[H7_WINDOWS])
{
    (void)bus_hz;
    (void)windows;
    return 0;
}
