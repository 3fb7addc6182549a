/* SQRT, float32: correctly rounded, one instruction. A negative number gives NaN. */
#include <math.h>

#include "kernels/unary.h"

static int run(const struct pose_op *op)
{
    POSE_UNARY_FLOAT_RUN(op, sqrtf(x));
}

POSE_KERNEL_FLAGS(POSE_OPCODE_SQRT, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_unary_float_check, run);
