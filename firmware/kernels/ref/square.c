/* SQUARE, float32. */
#include "kernels/unary.h"

static int run(const struct pose_op *op)
{
    POSE_UNARY_FLOAT_RUN(op, x * x);
}

POSE_KERNEL_FLAGS(POSE_OPCODE_SQUARE, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_unary_float_check, run);
