/* What all variants of DEQUANTIZE share: the check, and the portable loop. As TFLite's reference_ops::Dequantize of 8-bit
 * values: scale * (stored - zero_point). The reference multiplies in double and rounds to float; one float product rounds the
 * same exact value once. */
#ifndef POSE_KERNELS_DEQUANTIZE_H
#define POSE_KERNELS_DEQUANTIZE_H

#include "kernels/checks.h"
#include "kernels/params.h"

static inline int pose_dequantize_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_affine_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_affine_params *p = op->params;
    const uint8_t from = op->in[0].tensor->dtype;
    if ((from != POSE_INT8 && from != POSE_UINT8) || op->out[0].tensor->dtype != POSE_FLOAT32) {
        return POSE_ERR_OPERATOR;
    }
    const bool valid = pose_same_shape(&op->in[0], &op->out[0]) && p->zero_point >= -128 && p->zero_point <= 255;
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

static inline int pose_dequantize_run(const struct pose_op *op)
{
    const struct pose_affine_params *p = op->params;
    const bool is_signed = op->in[0].tensor->dtype == POSE_INT8;
    const uint8_t *const in = op->in[0].data;
    float *const out = op->out[0].data;
    const uint32_t count = pose_elements(&op->in[0]);
    for (uint32_t i = 0; i < count; i++) {
        const int32_t stored = is_signed ? (int8_t)in[i] : in[i];
        out[i] = p->scale * (float)(stored - p->zero_point);
    }
    return POSE_OK;
}

#endif
