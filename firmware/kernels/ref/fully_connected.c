/* FULLY_CONNECTED, int8: rows of weights times the input's vectors. Same bits as LiteRT's BUILTIN_REF, which requantises
 * here with one rounding where its convolutions round twice (found by trying sums that tell them apart). */
#include "kernels/convolution.h"
#include "kernels/product.h"

static uint32_t out_channels(const struct pose_op *op)
{
    const struct pose_image_tensor *out = op->out[0].tensor;
    return out->rank == 0u ? 1u : out->dims[out->rank - 1u];
}

/* Values of an input vector: what is left of the input, shared evenly among the output's vectors. */
static uint32_t in_values(const struct pose_op *op)
{
    return pose_elements(&op->in[0]) / (pose_elements(&op->out[0]) / out_channels(op));
}

static int check(const struct pose_op *op)
{
    if (op->desc->input_count == 2u) {
        return pose_product_check(op);
    }
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_dense_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_dense_params *p = op->params;
    if (op->in[0].tensor->dtype != POSE_INT8 || op->out[0].tensor->dtype != POSE_INT8) {
        return POSE_ERR_OPERATOR;
    }
    const uint32_t vectors = pose_elements(&op->out[0]) / out_channels(op);
    const uint32_t values = in_values(op);
    const uint32_t rows = pose_conv_rows(out_channels(op));
    if (values == 0u || values * vectors != pose_elements(&op->in[0]) || values > POSE_CONV_MAX_TAPS || rows > POSE_CONV_MAX_TAPS ||
        p->weight_stride != (values + 3u) / 4u * 4u || p->act_min > p->act_max) {
        return POSE_ERR_IMAGE;
    }
    const uint64_t weights_bytes = (uint64_t)rows * p->weight_stride;
    const int32_t *multipliers = pose_op_const(op, p->multipliers_off, rows * 4u, 4u);
    const int8_t *shifts = pose_op_const(op, p->shifts_off, rows, 1u);
    if (weights_bytes > INT32_MAX || pose_op_const(op, p->weights_off, (uint32_t)weights_bytes, 4u) == NULL ||
        pose_op_const(op, p->bias_off, rows * 4u, 4u) == NULL || multipliers == NULL || shifts == NULL) {
        return POSE_ERR_IMAGE;
    }
    for (uint32_t i = 0; i < rows; i++) {
        if (!pose_requant_valid(multipliers[i], shifts[i])) {
            return POSE_ERR_IMAGE;
        }
    }
    return POSE_OK;
}

static int run(const struct pose_op *op)
{
    if (op->desc->input_count == 2u) {
        return pose_product_run(op);
    }
    const struct pose_dense_params *p = op->params;
    const uint32_t channels = out_channels(op);
    const uint32_t values = in_values(op);
    const int32_t *bias = (const int32_t *)(const void *)(op->image + p->bias_off);
    const int32_t *multipliers = (const int32_t *)(const void *)(op->image + p->multipliers_off);
    const int8_t *shifts = (const int8_t *)(op->image + p->shifts_off);
    const int8_t *in = op->in[0].data;
    int8_t *out = op->out[0].data;
    for (uint32_t left = pose_elements(&op->out[0]) / channels; left > 0u; left--) {
        const int8_t *weights = (const int8_t *)(op->image + p->weights_off);
        for (uint32_t channel = 0; channel < channels; channel++) {
            int32_t sum = 0;
            for (uint32_t i = 0; i < values; i++) {
                sum += in[i] * weights[i];
            }
            const int32_t scaled = pose_requantize_once(pose_wrap_add(sum, bias[channel]), multipliers[channel], shifts[channel]);
            *out++ = (int8_t)pose_clamp(pose_wrap_add(scaled, p->out_zero_point), p->act_min, p->act_max);
            weights += p->weight_stride;
        }
        in += values;
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_FULLY_CONNECTED, check, run);
