/* TRANSPOSE_CONV, int8. Same bits as TFLite's reference_integer_ops::TransposeConv, but gathered: every output pixel sums
 * the input pixels whose window covers it, so that no buffer of sums is needed. struct pose_conv_params as for CONV_2D,
 * but the bias is the network's own: only pixels that exist are summed, less their zero point. */
#include "kernels/convolution.h"

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_conv_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_conv_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    if (in->dtype != POSE_INT8 || out->dtype != POSE_INT8) {
        return POSE_ERR_OPERATOR;
    }
    if (in->rank != 4u || out->rank != 4u || in->dims[0] != out->dims[0] || p->dilation_h != 1u || p->dilation_w != 1u ||
        !pose_conv_axis_valid(out->dims[1], in->dims[1], p->kernel_h, p->stride_h, 1u) ||
        !pose_conv_axis_valid(out->dims[2], in->dims[2], p->kernel_w, p->stride_w, 1u)) {
        return POSE_ERR_IMAGE;
    }
    const uint64_t taps = (uint64_t)p->kernel_h * p->kernel_w * in->dims[3];
    if (taps > POSE_CONV_MAX_TAPS || p->depth_multiplier != 0u || p->weight_stride != (taps + 3u) / 4u * 4u) {
        return POSE_ERR_IMAGE;
    }
    return pose_conv_check_constants(op, (uint64_t)pose_conv_rows(out->dims[3]) * p->weight_stride);
}

/* The input position that reaches an output position through kernel position `k`, -1 when there is none. */
static int32_t source_position(int32_t out, int32_t pad, int32_t k, int32_t stride, int32_t size)
{
    const int32_t reach = out + pad - k;
    return reach >= 0 && reach % stride == 0 && reach / stride < size ? reach / stride : -1;
}

static int8_t output_value(const struct pose_conv *conv, const int8_t *picture, int32_t y, int32_t x, int32_t channel)
{
    const int8_t *const weights = conv->weights + (size_t)channel * (size_t)conv->weight_stride;
    int32_t sum = 0;
    for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
        const int32_t row = source_position(y, conv->pad_top, ky, conv->stride_h, conv->in_h);
        for (int32_t kx = 0; row >= 0 && kx < conv->kernel_w; kx++) {
            const int32_t column = source_position(x, conv->pad_left, kx, conv->stride_w, conv->in_w);
            if (column < 0) {
                continue;
            }
            const int8_t *pixel = picture + ((size_t)row * (size_t)conv->in_w + (size_t)column) * (size_t)conv->in_c;
            const int8_t *factors = weights + (ky * conv->kernel_w + kx) * conv->in_c;
            for (int32_t i = 0; i < conv->in_c; i++) {
                sum += (pixel[i] - conv->in_zero_point) * factors[i];
            }
        }
    }
    return pose_conv_output(conv, sum, channel);
}

static int run(const struct pose_op *op)
{
    const struct pose_conv conv = pose_conv_open(op);
    const int8_t *picture = conv.in;
    int8_t *out = conv.out;
    for (int32_t batch = 0; batch < conv.batches; batch++) {
        for (int32_t y = 0; y < conv.out_h; y++) {
            for (int32_t x = 0; x < conv.out_w; x++) {
                for (int32_t channel = 0; channel < conv.out_c; channel++) {
                    *out++ = output_value(&conv, picture, y, x, channel);
                }
            }
        }
        picture += (size_t)conv.in_h * (size_t)conv.in_w * (size_t)conv.in_c;
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_TRANSPOSE_CONV, check, run);
