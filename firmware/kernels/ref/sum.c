/* SUM of int32 or float32 over some of the dimensions, in the input's order, as TFLite's reference kernels. Integers
 * wrap. */
#include "kernels/reduction.h"

static int check(const struct pose_op *op)
{
    const int status = pose_reduction_check(op);
    const uint8_t dtype = status == POSE_OK ? op->in[0].tensor->dtype : POSE_INT32;
    return dtype == POSE_INT32 || dtype == POSE_FLOAT32 ? status : POSE_ERR_OPERATOR;
}

static int run(const struct pose_op *op)
{
    if (op->in[0].tensor->dtype == POSE_INT32) {
        POSE_REDUCTION_LOOP(op, int32_t, 0, pose_wrap_add(value, x), value);
    } else {
        POSE_REDUCTION_LOOP(op, float, 0.0f, value + x, value);
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_SUM, check, run);
