/* RSQRT of int8 (a table) or float32: the root and its inverse, each correctly rounded. */
#include <math.h>

#include "kernels/unary.h"

static int run(const struct pose_op *op)
{
    POSE_UNARY_FLOAT_RUN(op, 1.0f / sqrtf(x));
}

POSE_KERNEL_FLAGS(POSE_OPCODE_RSQRT, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_unary_float_check, run);
