/* RELU_N1_TO_1 of int8, uint8 (a table) or float32; a NaN stays one. */
#include "kernels/unary.h"

static int run(const struct pose_op *op)
{
    POSE_UNARY_FLOAT_RUN(op, x > 1.0f ? 1.0f : (x < -1.0f ? -1.0f : x));
}

POSE_KERNEL_FLAGS(POSE_OPCODE_RELU_N1_TO_1, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_unary_float_check, run);
