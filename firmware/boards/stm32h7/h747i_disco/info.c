/* What a STM32H747I-DISCO says of itself: networks in the QSPI flash; arena and input slots in the SDRAM, or, where that does not answer, inside the
 * microcontroller like those of the other board. */
#include "boards/stm32h7/h747i_disco/external.h"
#include "boards/stm32h7/map.h"
#include "boards/stm32h7/registers.h"

#define ARENA_BYTES (8u << 20)
#define SLOTS_BYTES (4u << 20)
#define NETWORK_LOG2 24u
#define NO_ANSWER "does not answer"
_Static_assert(1u << NETWORK_LOG2 == 16u << 20, "the core reaches what may hold a network, far from the end of the chips");

static struct pose_board_memory memories[] = {
    {.name = "qspi", .mode = NO_ANSWER, .start = (void *)H747_QSPI, .flags = POSE_MEMORY_EXTERNAL},
    {.name = "sdram", .mode = NO_ANSWER, .start = (void *)H747_SDRAM, .flags = POSE_MEMORY_RAM | POSE_MEMORY_EXTERNAL},
    {.name = "axi-sram", .mode = "", .start = (void *)H7_AXI_SRAM, .bytes = H7_AXI_SRAM_BYTES, .flags = POSE_MEMORY_RAM},
};

struct pose_board_info h7_info = {
    .name = "h747",
    .mcu = "stm32h747xi",
    .network = (const void *)H747_QSPI,
    .network_max_bytes = H7_NETWORK_BYTES(16u << 10),
    .arena = (void *)H747_SDRAM,
    .arena_bytes = ARENA_BYTES,
    .slot_block = (uint8_t *)(H747_SDRAM + ARENA_BYTES),
    .slot_block_bytes = SLOTS_BYTES,
    .memories = memories,
    .memory_count = sizeof memories / sizeof memories[0],
    H7_INFO,
};

uint32_t h7_external_start(uint32_t bus_hz, struct h7_window windows[H7_WINDOWS])
{
    uint32_t count = 0;
    if (h747_sdram_start(bus_hz)) {
        memories[1].mode = h747_sdram_mode();
        memories[1].bytes = ARENA_BYTES; /* the input slots follow */
        windows[count++] = (struct h7_window){H747_SDRAM, H747_SDRAM_LOG2, RASR_CACHED_MEMORY | RASR_READ_WRITE};
    } else {
        h7_info.arena = (void *)H7_AXI_SRAM;
        h7_info.arena_bytes = H7_AXI_SRAM_BYTES;
        h7_info.slot_block = (uint8_t *)H7_D2_SRAM;
        h7_info.slot_block_bytes = H7_D2_SRAM_BYTES;
    }
    if (h7_info.network_max_bytes != 0u && h747_qspi_start(bus_hz)) {
        memories[0].mode = h747_qspi_mode();
        memories[0].bytes = h7_info.network_max_bytes;
        windows[count++] = (struct h7_window){H747_QSPI, NETWORK_LOG2, RASR_CACHED_MEMORY | RASR_READ_ONLY};
    } else {
        h7_info.network_max_bytes = 0; /* reading there would never end; NETWORK_INFO says that there is no network */
    }
    return count;
}
