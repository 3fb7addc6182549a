/* L2_NORMALIZATION along the last dimension, int8 and float32, as TFLite's reference kernels. */
#include <math.h>

#include "kernels/checks.h"
#include "kernels/inverse_root.h"
#include "kernels/params.h"

#define OUTPUT_BITS 7 /* the output's scale is 1/128 */

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_norm_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_norm_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    if ((in->dtype != POSE_INT8 && in->dtype != POSE_FLOAT32) || op->out[0].tensor->dtype != in->dtype) {
        return POSE_ERR_OPERATOR;
    }
    const bool valid = pose_same_shape(&op->in[0], &op->out[0]) && in->rank > 0u && in->dims[in->rank - 1u] <= POSE_NORM_MAX_DEPTH &&
                       p->in_zero_point >= INT8_MIN && p->in_zero_point <= INT8_MAX;
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

static void normalize_int8(const int8_t *in, int8_t *out, uint32_t depth, int32_t zero_point)
{
    int32_t sum = 0; /* below 2^31: 2^15 squares below 2^16 */
    for (uint32_t i = 0; i < depth; i++) {
        const int32_t value = in[i] - zero_point;
        sum += value * value;
    }
    const struct pose_inverse_root root = pose_inverse_root(sum);
    for (uint32_t i = 0; i < depth; i++) {
        const int32_t scaled = pose_requantize(in[i] - zero_point, root.multiplier, root.shift + OUTPUT_BITS);
        out[i] = (int8_t)pose_clamp(scaled, INT8_MIN, INT8_MAX);
    }
}

static void normalize_float(const float *in, float *out, uint32_t depth)
{
    float sum = 0.0f;
    for (uint32_t i = 0; i < depth; i++) {
        sum += in[i] * in[i];
    }
    const float root = sqrtf(sum);
    const float norm = root < 1e-6f ? 1e-6f : root;
    for (uint32_t i = 0; i < depth; i++) {
        out[i] = in[i] / norm;
    }
}

static int run(const struct pose_op *op)
{
    const struct pose_norm_params *p = op->params;
    const struct pose_image_tensor *tensor = op->in[0].tensor;
    const uint32_t depth = tensor->dims[tensor->rank - 1u];
    const uint32_t count = pose_elements(&op->in[0]);
    for (uint32_t at = 0; at < count; at += depth) {
        if (tensor->dtype == POSE_INT8) {
            normalize_int8((const int8_t *)op->in[0].data + at, (int8_t *)op->out[0].data + at, depth, p->in_zero_point);
        } else {
            normalize_float((const float *)op->in[0].data + at, (float *)op->out[0].data + at, depth);
        }
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_L2_NORMALIZATION, check, run);
