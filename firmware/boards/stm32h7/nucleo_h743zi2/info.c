/* What a NUCLEO-H743ZI2 says of itself. */
#include "boards/stm32h7/map.h"

static const struct pose_board_memory memories[] = {
    {.name = "flash", .mode = "", .start = (void *)H7_NETWORK, .bytes = H7_NETWORK_BYTES(2048u - 128u)},
    {.name = "axi-sram", .mode = "", .start = (void *)H7_ARENA, .bytes = H7_ARENA_BYTES, .flags = POSE_MEMORY_RAM},
};

/* The rest of bank 1 and all of bank 2, which follow each other. */
struct pose_board_info h7_info = {.name = "h7",
                                  .mcu = "stm32h743zi",
                                  .network_max_bytes = H7_NETWORK_BYTES(2048u - 128u),
                                  .memories = memories,
                                  .memory_count = sizeof memories / sizeof memories[0],
                                  H7_INFO};
