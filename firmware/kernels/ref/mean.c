/* MEAN of int8 or float32 over some of the dimensions, summed in the input's order, as TFLite's reference kernels. */
#include "kernels/reduction.h"

static int check(const struct pose_op *op)
{
    const int status = pose_reduction_check(op);
    const uint8_t dtype = status == POSE_OK ? op->in[0].tensor->dtype : POSE_INT8;
    return dtype == POSE_INT8 || dtype == POSE_FLOAT32 ? status : POSE_ERR_OPERATOR;
}

static int run(const struct pose_op *op)
{
    if (op->in[0].tensor->dtype == POSE_INT8) {
        pose_reduction_run_scaled(op);
    } else {
        const float count = (float)pose_reduction_count(op);
        POSE_REDUCTION_LOOP(op, float, 0.0f, value + x, value / count);
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_MEAN, check, run);
