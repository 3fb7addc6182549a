/* DIV, float32 with broadcasting and a fused activation, as TFLite's reference_ops::Div: a NaN passes the clamp, an
 * infinity does not. */
#include "kernels/arithmetic.h"

static int check(const struct pose_op *op)
{
    const int status = pose_arithmetic_check(op);
    if (status != POSE_OK) {
        return status;
    }
    return pose_arithmetic_dtype(op, POSE_FLOAT32) ? POSE_OK : POSE_ERR_OPERATOR;
}

static int run(const struct pose_op *op)
{
    const struct pose_range_params *range = op->params;
    POSE_ARITHMETIC_LOOP(op, float, a / b, range->float_min, range->float_max);
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_DIV, POSE_OP_IN_PLACE, check, run);
