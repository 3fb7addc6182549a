/* What a NUCLEO-H743ZI2 says of itself. */
#include "boards/stm32h7/map.h"

#define NETWORK 0x08020000u /* the rest of bank 1 and all of bank 2, which follow each other */

static const struct pose_board_memory memories[] = {
    {.name = "flash", .mode = "", .start = (void *)NETWORK, .bytes = H7_NETWORK_BYTES(2048u - 128u)},
    {.name = "axi-sram", .mode = "", .start = (void *)H7_AXI_SRAM, .bytes = H7_AXI_SRAM_BYTES, .flags = POSE_MEMORY_RAM},
};

struct pose_board_info h7_info = {
    .name = "h7",
    .mcu = "stm32h743zi",
    .network = (const void *)NETWORK,
    .network_max_bytes = H7_NETWORK_BYTES(2048u - 128u),
    .memories = memories,
    .memory_count = sizeof memories / sizeof memories[0],
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
