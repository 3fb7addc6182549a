/* CONV_2D, int8, portable C. Same bits as TFLite's reference_integer_ops::ConvPerChannel. Four output channels share
 * every loaded input value; the window outside the picture reads a row of zero points. */
#include <string.h>

#include "kernels/grouped.h"

static uint64_t get_scratch_bytes(uint32_t in_c)
{
    return in_c; /* one pixel of zero points */
}

static int check(const struct pose_op *op)
{
    const int status = pose_conv_check(op, false);
    if (status != POSE_OK) {
        return status;
    }
    const bool grouped = pose_conv_groups(op->params) > 1u;
    return pose_check_scratch(op, grouped ? pose_grouped_scratch_bytes(op) : get_scratch_bytes(op->in[0].tensor->dims[3]));
}

/* sums[i] += dot product of `count` values with row i of four weight rows, `stride` bytes apart. */
static void add_dot_products(int32_t sums[4], const int8_t *values, const int8_t *weights, int32_t stride, int32_t count)
{
    const int8_t *const row0 = weights;
    const int8_t *const row1 = row0 + stride;
    const int8_t *const row2 = row1 + stride;
    const int8_t *const row3 = row2 + stride;
    int32_t sum0 = sums[0];
    int32_t sum1 = sums[1];
    int32_t sum2 = sums[2];
    int32_t sum3 = sums[3];
    for (int32_t i = 0; i < count; i++) {
        const int32_t value = values[i];
        sum0 += value * row0[i];
        sum1 += value * row1[i];
        sum2 += value * row2[i];
        sum3 += value * row3[i];
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

/* All output channels of one output pixel whose window starts at input (top, left). */
static void convolve_pixel(const struct pose_conv *conv, const int8_t *picture, int32_t top, int32_t left, const int8_t *padding,
                           int8_t *out)
{
    for (int32_t channel = 0; channel < conv->out_c; channel += 4) {
        const int8_t *weights = conv->weights + (size_t)channel * (size_t)conv->weight_stride;
        int32_t sums[4] = {0};
        for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
            for (int32_t kx = 0; kx < conv->kernel_w; kx++) {
                const int8_t *pixel = pose_conv_pixel(conv, picture, top + ky * conv->dilation_h, left + kx * conv->dilation_w, padding);
                add_dot_products(sums, pixel, weights, conv->weight_stride, conv->in_c);
                weights += conv->in_c;
            }
        }
        const int32_t count = conv->out_c - channel < 4 ? conv->out_c - channel : 4;
        for (int32_t i = 0; i < count; i++) {
            out[channel + i] = pose_conv_output(conv, sums[i], channel + i);
        }
    }
}

static int32_t dot(const int8_t *values, const int8_t *weights, int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += (int32_t)values[i] * weights[i];
    }
    return sum;
}

static __attribute__((noinline)) int run_groups(const struct pose_op *op)
{
    return pose_grouped_run(op, dot);
}

static int run(const struct pose_op *op)
{
    if (pose_conv_groups(op->params) > 1u) {
        return run_groups(op);
    }
    const struct pose_conv conv = pose_conv_open(op);
    int8_t *const padding = op->scratch;
    memset(padding, conv.in_zero_point, (size_t)conv.in_c);
    const int8_t *picture = conv.in;
    int8_t *out = conv.out;
    for (int32_t batch = 0; batch < conv.batches; batch++) {
        for (int32_t y = 0; y < conv.out_h; y++) {
            for (int32_t x = 0; x < conv.out_w; x++) {
                convolve_pixel(&conv, picture, y * conv.stride_h - conv.pad_top, x * conv.stride_w - conv.pad_left, padding, out);
                out += conv.out_c;
            }
        }
        picture += (size_t)conv.in_h * (size_t)conv.in_w * (size_t)conv.in_c;
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_CONV_2D, POSE_KERNEL_ROWS, check, run);
