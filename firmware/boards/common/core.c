/* The part of pose/board.h that is the same on every Cortex-M whose mailbox is not cached: barrier, identity of the core, reset. */
#include "boards/common/cortexm.h"
#include "pose/board.h"

void pose_board_barrier(void)
{
    cortexm_barrier();
}

/* Line by line, cleaned too: the bytes may be RAM that was just written. */
void pose_board_forget(const void *data, uint32_t bytes)
{
    cortexm_barrier();
    if ((SCB_CCR & CCR_DC) == 0u) {
        return;
    }
    const uint32_t end = (uint32_t)(uintptr_t)data + bytes;
    for (uint32_t line = (uint32_t)(uintptr_t)data & ~(CACHE_LINE_BYTES - 1u); line < end; line += CACHE_LINE_BYTES) {
        SCB_DCCIMVAC = line;
    }
    cortexm_barrier();
}

uint32_t pose_board_cpuid(void)
{
    return SCB_CPUID;
}

uint32_t pose_board_core_features(void)
{
    const bool fpu = FPU_MVFR0 != 0u && (SCB_CPACR & CPACR_FPU) == CPACR_FPU;
    const uint32_t ccr = SCB_CCR; /* a core without caches reads 0 here */
    return (fpu ? POSE_CORE_FPU : 0u) | ((ccr & CCR_IC) != 0u ? POSE_CORE_ICACHE : 0u) | ((ccr & CCR_DC) != 0u ? POSE_CORE_DCACHE : 0u);
}

__attribute__((weak)) void pose_board_leave(void)
{
}

void pose_board_reset(void)
{
    pose_board_leave();
    cortexm_barrier();
    SCB_AIRCR = AIRCR_RESET;
    for (;;) {
        cortexm_barrier();
    }
}
