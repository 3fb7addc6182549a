/* Start of an STM32H743 or H747 board, the rest of pose/board.h that boards/stm32/port.c leaves. POSE_CLOCK: see family.cmake. */
#include "boards/stm32/port.h"
#include "boards/stm32h7/map.h"

const struct pose_board_info *pose_board_info(void)
{
    return &h7_info;
}

void pose_board_init(void)
{
    struct h7_window windows[H7_WINDOWS];
    h7_info.clock_hz = POSE_CLOCK(&h7_board.tree);
    h7_info.tick_hz = h7_info.clock_hz;
    h7_info.bus_hz = h7_info.clock_hz == H7_HSI_HZ ? H7_HSI_HZ : h7_info.clock_hz / 2u;
    h7_info.stall_ticks = (uint64_t)H7_STALL_S * h7_info.clock_hz;
    h7_memory_start(windows, h7_external_start(h7_info.bus_hz, windows));
    h7_pins_start(&h7_board);
    h7_info.time_source = stm32_port_start();
}

/* Does not sleep: the cycle counter would stop, and a probe cannot read the memories of a sleeping domain unless it was told before. */
void pose_board_idle(void)
{
}
