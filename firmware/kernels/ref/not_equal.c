/* NOT_EQUAL of int32 or float32 with broadcasting. */
#include "kernels/comparison.h"

static int run(const struct pose_op *op)
{
    POSE_COMPARISON_RUN(op, a != b);
}

POSE_KERNEL(POSE_OPCODE_NOT_EQUAL, pose_comparison_check, run);
