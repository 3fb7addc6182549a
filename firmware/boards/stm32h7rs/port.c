/* Start of an STM32H7R or H7S board, the rest of pose/board.h that boards/stm32/port.c leaves. POSE_CLOCK: see family.cmake. */
#include "boards/stm32/port.h"

#include "boards/stm32/octal_nor.h"
#include "boards/stm32h7rs/map.h"

static struct pose_board_memory memories[] = {
    {.name = "nor", .mode = "does not answer", .start = (void *)H7RS_NETWORK, .flags = POSE_MEMORY_EXTERNAL},
    {.name = "axi-sram", .mode = "", .start = (void *)H7RS_ARENA, .bytes = H7RS_ARENA_BYTES, .flags = POSE_MEMORY_RAM},
};

const struct pose_board_info *pose_board_info(void)
{
    return &h7rs_info;
}

static void start_nor(const struct h7rs_clocks *clocks)
{
    const bool has_nor = h7rs_nor_start(1u << h7rs_board.nor_log2, clocks);
    if (has_nor) {
        memories[0].mode = h7rs_nor_mode();
        memories[0].bytes = h7rs_info.network_max_bytes;
    } else {
        h7rs_info.network_max_bytes = 0; /* reading there would never end; NETWORK_INFO says that there is no network */
    }
    h7rs_info.memories = memories;
    h7rs_info.memory_count = sizeof memories / sizeof memories[0];
    h7rs_memory_start(has_nor ? h7rs_board.nor_log2 : 0u);
}

void pose_board_init(void)
{
    h7rs_core_start();
    octal_nor_stop();
    const struct h7rs_clocks clocks = POSE_CLOCK();
    h7rs_pins_start();
    start_nor(&clocks);
    h7rs_info.clock_hz = clocks.core_hz;
    h7rs_info.tick_hz = clocks.core_hz;
    h7rs_info.bus_hz = clocks.hclk_hz;
    h7rs_info.stall_ticks = (uint64_t)H7RS_STALL_S * clocks.core_hz;
    h7rs_info.time_source = stm32_port_start();
    __asm volatile("cpsie i" ::: "memory");
}

void pose_board_leave(void)
{
    h7rs_nor_leave();
}

/* Does not sleep: the cycle counter would stop, and a probe may not read the memories of a core that sleeps. */
void pose_board_idle(void)
{
}
