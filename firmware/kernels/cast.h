/* What all variants of CAST share: 8-bit integers and booleans to int32 or float32, int32 to float32. int32 values beyond 2^24 round
 * to even. */
#ifndef POSE_KERNELS_CAST_H
#define POSE_KERNELS_CAST_H

#include "kernels/checks.h"

static inline int pose_cast_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    const uint8_t from = op->in[0].tensor->dtype;
    const uint8_t to = op->out[0].tensor->dtype;
    const bool narrow = from == POSE_INT8 || from == POSE_UINT8 || from == POSE_BOOL;
    if (!(narrow && (to == POSE_FLOAT32 || to == POSE_INT32)) && !(from == POSE_INT32 && to == POSE_FLOAT32)) {
        return POSE_ERR_OPERATOR;
    }
    return pose_same_shape(&op->in[0], &op->out[0]) ? POSE_OK : POSE_ERR_IMAGE;
}

static inline int pose_cast_run(const struct pose_op *op)
{
    const uint8_t from = op->in[0].tensor->dtype;
    const bool to_float = op->out[0].tensor->dtype == POSE_FLOAT32;
    const void *const in = op->in[0].data;
    float *const floats = op->out[0].data;
    int32_t *const integers = op->out[0].data;
    const uint32_t count = pose_elements(&op->in[0]);
    for (uint32_t i = 0; i < count; i++) {
        const int32_t value = from == POSE_INT32  ? ((const int32_t *)in)[i]
                              : from == POSE_INT8 ? ((const int8_t *)in)[i]
                                                  : ((const uint8_t *)in)[i];
        if (to_float) {
            floats[i] = (float)value;
        } else {
            integers[i] = value;
        }
    }
    return POSE_OK;
}

#endif
