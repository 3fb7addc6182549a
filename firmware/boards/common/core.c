/* The part of pose/board.h that is the same on every Cortex-M whose mailbox is not cached: barrier, identity of the core, reset. */
#include "boards/common/cortexm.h"
#include "pose/board.h"

void pose_board_barrier(void)
{
    cortexm_barrier();
}

uint32_t pose_board_cpuid(void)
{
    return SCB_CPUID;
}

void pose_board_reset(void)
{
    cortexm_barrier();
    SCB_AIRCR = AIRCR_RESET;
    for (;;) {
        cortexm_barrier();
    }
}
