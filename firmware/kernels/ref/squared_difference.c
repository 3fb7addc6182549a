/* SQUARED_DIFFERENCE, float32 with broadcasting. */
#include <math.h>

#include "kernels/arithmetic.h"

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    if (!pose_arithmetic_dtype(op, POSE_FLOAT32)) {
        return POSE_ERR_OPERATOR;
    }
    return pose_arithmetic_shapes(op) ? POSE_OK : POSE_ERR_IMAGE;
}

static int run(const struct pose_op *op)
{
    POSE_ARITHMETIC_LOOP(op, float, (a - b) * (a - b), -INFINITY, INFINITY); /* no activation: nothing is clamped */
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_SQUARED_DIFFERENCE, POSE_OP_IN_PLACE, check, run);
