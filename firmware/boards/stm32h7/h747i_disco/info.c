/* What a STM32H747I-DISCO says of itself. */
#include "boards/stm32h7/map.h"

static const struct pose_board_memory memories[] = {
    {.name = "flash", .mode = "", .start = (void *)H7_NETWORK, .bytes = H7_NETWORK_BYTES(1024u - 128u)},
    {.name = "axi-sram", .mode = "", .start = (void *)H7_ARENA, .bytes = H7_ARENA_BYTES, .flags = POSE_MEMORY_RAM},
};

/* The rest of bank 1: bank 2 starts with what the Cortex-M4 boots. */
struct pose_board_info h7_info = {.name = "h747",
                                  .mcu = "stm32h747xi",
                                  .network_max_bytes = H7_NETWORK_BYTES(1024u - 128u),
                                  .memories = memories,
                                  .memory_count = sizeof memories / sizeof memories[0],
                                  H7_INFO};
