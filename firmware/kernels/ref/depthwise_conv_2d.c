/* DEPTHWISE_CONV_2D, int8, portable C. Same bits as TFLite's reference_integer_ops::DepthwiseConvPerChannel. The
 * addresses of a window's pixels are found once per output pixel; four channels at a time keep their sums in registers
 * while the window is walked. */
#include <string.h>

#include "kernels/convolution.h"

#define GROUP 4

static uint64_t get_scratch_bytes(uint32_t in_c)
{
    return in_c; /* one pixel of zero points */
}

static int check(const struct pose_op *op)
{
    const int status = pose_conv_check(op, true);
    return status != POSE_OK ? status : pose_check_scratch(op, get_scratch_bytes(op->in[0].tensor->dims[3]));
}

/* Sums of GROUP output channels from `channel` on, which read as many input channels (depth multiplier 1). */
static void sum_group(const struct pose_conv *conv, const int8_t *const *pixels, int32_t taps, int32_t channel, int32_t sums[GROUP])
{
    const int8_t *weights = conv->weights + channel;
    int32_t sum0 = 0;
    int32_t sum1 = 0;
    int32_t sum2 = 0;
    int32_t sum3 = 0;
    for (int32_t t = 0; t < taps; t++) {
        const int8_t *pixel = pixels[t] + channel;
        sum0 += pixel[0] * weights[0];
        sum1 += pixel[1] * weights[1];
        sum2 += pixel[2] * weights[2];
        sum3 += pixel[3] * weights[3];
        weights += conv->out_c;
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

static int32_t sum_channel(const struct pose_conv *conv, const int8_t *const *pixels, int32_t taps, int32_t channel)
{
    const int8_t *weights = conv->weights + channel;
    const int32_t in_channel = channel / conv->depth_multiplier;
    int32_t sum = 0;
    for (int32_t t = 0; t < taps; t++) {
        sum += pixels[t][in_channel] * *weights;
        weights += conv->out_c;
    }
    return sum;
}

static void convolve_pixel(const struct pose_conv *conv, const int8_t *const *pixels, int32_t taps, int8_t *out)
{
    int32_t channel = 0;
    if (conv->depth_multiplier == 1) {
        for (; channel + GROUP <= conv->out_c; channel += GROUP) {
            int32_t sums[GROUP];
            sum_group(conv, pixels, taps, channel, sums);
            for (int32_t i = 0; i < GROUP; i++) {
                out[channel + i] = pose_conv_output(conv, sums[i], channel + i);
            }
        }
    }
    for (; channel < conv->out_c; channel++) {
        out[channel] = pose_conv_output(conv, sum_channel(conv, pixels, taps, channel), channel);
    }
}

static int run(const struct pose_op *op)
{
    const struct pose_conv conv = pose_conv_open(op);
    int8_t *const padding = op->scratch;
    memset(padding, conv.in_zero_point, (size_t)conv.in_c);
    const int8_t *pixels[POSE_DEPTHWISE_MAX_WINDOW];
    const int8_t *picture = conv.in;
    int8_t *out = conv.out;
    for (int32_t batch = 0; batch < conv.batches; batch++) {
        for (int32_t y = 0; y < conv.out_h; y++) {
            for (int32_t x = 0; x < conv.out_w; x++) {
                pose_conv_window(&conv, picture, y * conv.stride_h - conv.pad_top, x * conv.stride_w - conv.pad_left, padding, pixels);
                convolve_pixel(&conv, pixels, conv.kernel_h * conv.kernel_w, out);
                out += conv.out_c;
            }
        }
        picture += (size_t)conv.in_h * (size_t)conv.in_w * (size_t)conv.in_c;
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_DEPTHWISE_CONV_2D, POSE_KERNEL_ROWS, check, run);
