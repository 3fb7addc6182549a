/* Start of an STM32N6 board, the rest of pose/board.h that boards/stm32/port.c leaves. POSE_CLOCK_MHZ: see family.cmake. */
#include "boards/stm32/port.h"

#include "boards/stm32n6/map.h"
#include "boards/stm32n6/n6.h"
#include "pose/board.h"

const struct pose_board_info *pose_board_info(void)
{
    return &n6_info;
}

void pose_board_init(void)
{
    struct n6_clocks clocks;
    n6_core_start();
    n6_nor_stop();
    n6_clock_safe(&clocks);
    n6_memory_start();
    n6_pins_start();
    (void)n6_clock_start(&n6_board, POSE_CLOCK_MHZ, &clocks); /* false: on the safe clock, which is what HELLO says */
    if (!n6_nor_start(n6_board.nor_bytes, &clocks)) {
        n6_info.network_max_bytes = 0; /* reading there would never end; NETWORK_INFO says that there is no network */
    }
    const bool has_psram = n6_memories_start(clocks.hclk_hz); /* before the caches: what is tried is the memory */
    n6_caches_start(N6_MAILBOX, N6_MAILBOX_BYTES, n6_board.nor_bytes);
    if (has_psram) {
        n6_caches_add_psram();
    }
    n6_info.time_source = stm32_port_start();
    n6_info.clock_hz = clocks.core_hz;
    n6_info.tick_hz = clocks.core_hz;
    n6_info.bus_hz = clocks.hclk_hz;
    n6_info.npu_hz = clocks.npu_hz;
    n6_info.nic_hz = clocks.nic_hz;
    n6_info.stall_ticks = (uint64_t)N6_STALL_S * clocks.core_hz;
    __asm volatile("cpsie i" ::: "memory");
}

void pose_board_leave(void)
{
    n6_nor_leave();
}

/* Does not sleep: in a sleeping N6 the memories have no clock unless each is told to keep it, and a probe that looks then never gets an answer. */
void pose_board_idle(void)
{
}
