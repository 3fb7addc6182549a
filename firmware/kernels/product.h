/* FULLY_CONNECTED of weights that the network computes: every vector of the input by every row of the weights. */
#ifndef POSE_KERNELS_PRODUCT_H
#define POSE_KERNELS_PRODUCT_H

#include "kernels/checks.h"
#include "kernels/fixed_point.h"
#include "kernels/params.h"

/* round(x * multiplier / 2^31 * 2^shift), rounded once, ties away from zero; limited to 32 bits. */
static inline int32_t pose_requantize_once(int32_t x, int32_t multiplier, int32_t shift)
{
    const uint32_t total = (uint32_t)(31 - shift); /* 1..62 */
    const int64_t magnitude = ((x < 0 ? -(int64_t)x : x) * multiplier + ((int64_t)1 << (total - 1u))) >> total;
    const int64_t limited = magnitude > INT32_MAX ? INT32_MAX : magnitude;
    return (int32_t)(x < 0 ? -limited : limited);
}

static inline int pose_product_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, sizeof(struct pose_product_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_product_params *p = op->params;
    const struct pose_image_tensor *weights = op->in[1].tensor;
    if (op->in[0].tensor->dtype != POSE_INT8 || weights->dtype != POSE_INT8 || op->out[0].tensor->dtype != POSE_INT8) {
        return POSE_ERR_OPERATOR;
    }
    const uint64_t outputs = weights->dims[0];
    const uint64_t depth = weights->dims[1];
    if (weights->rank != 2u || depth > POSE_MATMUL_MAX_DEPTH || pose_elements(&op->in[0]) % depth != 0u ||
        pose_elements(&op->in[0]) / depth * outputs != pose_elements(&op->out[0])) {
        return POSE_ERR_IMAGE;
    }
    const bool valid = pose_requant_valid(p->multiplier, p->shift) && p->act_min <= p->act_max && outputs <= POSE_CONV_MAX_TAPS &&
                       pose_op_const(op, p->bias_off, (uint32_t)outputs * 4u, 4u) != NULL;
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

/* Sum of the products of one row with one vector. */
static inline int32_t pose_product_sum(const int8_t *in, const int8_t *weights, uint32_t depth, const struct pose_product_params *p)
{
    int32_t sum = 0;
    for (uint32_t k = 0; k < depth; k++) {
        sum += (in[k] - p->in_zero_point) * (weights[k] - p->weights_zero_point);
    }
    return sum;
}

static inline int pose_product_run(const struct pose_op *op)
{
    const struct pose_product_params *p = op->params;
    const uint32_t outputs = op->in[1].tensor->dims[0];
    const uint32_t depth = op->in[1].tensor->dims[1];
    const int32_t *bias = (const int32_t *)(const void *)(op->image + p->bias_off);
    const int8_t *in = op->in[0].data;
    int8_t *out = op->out[0].data;
    for (uint32_t left = pose_elements(&op->in[0]) / depth; left > 0u; left--, in += depth) {
        const int8_t *weights = op->in[1].data;
        for (uint32_t i = 0; i < outputs; i++, weights += depth) {
            const int32_t sum = pose_wrap_add(pose_product_sum(in, weights, depth, p), bias[i]);
            const int32_t scaled = pose_requantize_once(sum, p->multiplier, p->shift);
            *out++ = (int8_t)pose_clamp(pose_wrap_add(scaled, p->out_zero_point), p->act_min, p->act_max);
        }
    }
    return POSE_OK;
}

#endif
