/* SUB with broadcasting: int8 with Helium, float32, int32. Same bits as the portable kernel. */
#include "kernels/mve/add.h"

static int run(const struct pose_op *op)
{
    return pose_arithmetic_plain(op) ? pose_sub_run_plain(op) : pose_mve_add_run(op, -1);
}

POSE_KERNEL_FLAGS(POSE_OPCODE_SUB, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_add_check, run);
