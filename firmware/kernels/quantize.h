/* What all variants of QUANTIZE to 8 bits share. Between integers: a table of the 256 results. From float32: as TFLite's
 * reference_ops::AffineQuantize, round(value / scale) half away from zero, plus the zero point, clamped. */
#ifndef POSE_KERNELS_QUANTIZE_H
#define POSE_KERNELS_QUANTIZE_H

#include "kernels/table.h"

static inline int pose_quantize_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_affine_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_affine_params *p = op->params;
    const uint8_t to = op->out[0].tensor->dtype;
    if (to != POSE_INT8 && to != POSE_UINT8) {
        return POSE_ERR_OPERATOR;
    }
    switch (op->in[0].tensor->dtype) {
    case POSE_INT8:
    case POSE_UINT8:
        return pose_table_check(op, p->table_off);
    case POSE_FLOAT32:
        return p->scale > 0.0f && p->zero_point >= -128 && p->zero_point <= 255 && pose_same_shape(&op->in[0], &op->out[0])
                   ? POSE_OK
                   : POSE_ERR_IMAGE;
    default:
        return POSE_ERR_OPERATOR;
    }
}

/* Rounds half away from zero; values beyond +-1000 (any clamp follows well before) and NaN give the nearer bound. */
static inline int32_t pose_round_bounded(float value)
{
    const float bound = 1000.0f;
    if (!(value > -bound)) {
        return -1000;
    }
    if (value > bound) {
        return 1000;
    }
    const int32_t whole = (int32_t)value;
    const float rest = value - (float)whole; /* exact: both share an exponent range below 2^10 */
    return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
}

/* `count` values of float32, one by one; out may be in. */
static inline void pose_quantize_floats(const float *in, uint32_t count, const struct pose_affine_params *p, bool is_signed, uint8_t *out)
{
    const int32_t low = is_signed ? -128 : 0;
    for (uint32_t i = 0; i < count; i++) {
        int32_t value = pose_round_bounded(in[i] / p->scale) + p->zero_point;
        value = value < low ? low : (value > low + 255 ? low + 255 : value);
        out[i] = (uint8_t)value;
    }
}

#endif
