/* REDUCE_MAX of int8, uint8, int32 or float32: the largest along some of the dimensions, as TFLite's reference kernels. Where
 * dimensions are left, those start from the smallest number there is, so that NaNs and infinities beyond it do not count. */
#include <float.h>

#include "kernels/reduction.h"

static int run(const struct pose_op *op)
{
    switch (op->in[0].tensor->dtype) {
    case POSE_INT8:
        POSE_REDUCTION_LOOP(op, int8_t, INT8_MIN, x > value ? x : value, value);
        break;
    case POSE_UINT8:
        POSE_REDUCTION_LOOP(op, uint8_t, 0, x > value ? x : value, value);
        break;
    case POSE_INT32:
        POSE_REDUCTION_LOOP(op, int32_t, INT32_MIN, x > value ? x : value, value);
        break;
    default:
        POSE_REDUCTION_LOOP(op, float, pose_reduction_is_total(op) ? *(const float *)op->in[0].data : -FLT_MAX, x > value ? x : value,
                            value);
        break;
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_REDUCE_MAX, pose_extremum_check, run);
