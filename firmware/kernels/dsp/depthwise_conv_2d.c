/* DEPTHWISE_CONV_2D, int8, with the DSP instructions of Armv7E-M and Armv8-M. Same bits as the portable kernel.
 *
 * Where the depth multiplier is 1, channels are taken four at a time: weights are widened to 16 bits once per run,
 * group of channels by group of channels, and every window position then costs one load, two SXTB16 and four
 * multiply-accumulates of half words. The addresses of a window's pixels are found once per output pixel. Channels
 * left over, and other depth multipliers, are summed one by one. */
#include <string.h>

#include "kernels/dsp/requantize.h"

#define GROUP 4
#define COMMON_TAPS 9 /* of a 3x3 window */

/* One pixel of zero points, rounded up to double words, and the widened weights of whole groups of channels. */
static uint64_t get_scratch_bytes(uint32_t in_c, uint32_t taps, uint32_t depth_multiplier)
{
    const uint64_t groups = depth_multiplier == 1u ? in_c / GROUP : 0u;
    return (in_c + 7u) / 8u * 8u + groups * taps * sizeof(uint64_t);
}

static int check(const struct pose_op *op)
{
    const int status = pose_conv_check(op, true);
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_conv_params *p = op->params;
    const uint32_t taps = (uint32_t)p->kernel_h * p->kernel_w;
    return pose_check_scratch(op, get_scratch_bytes(op->in[0].tensor->dims[3], taps, p->depth_multiplier));
}

/* Group after group, the taps of four channels as double words. */
static void widen_weights(const struct pose_conv *conv, int32_t taps, uint64_t *widened)
{
    for (int32_t channel = 0; channel + GROUP <= conv->out_c; channel += GROUP) {
        const int8_t *weights = conv->weights + channel;
        for (int32_t t = 0; t < taps; t++) {
            *widened++ = pose_widen4(pose_load4(weights));
            weights += conv->out_c;
        }
    }
}

/* Sums of four channels. */
struct sums {
    int32_t at0, at1, at2, at3;
};

/* Adds one window position: bytes of four channels times their widened weights; returns the next weights. */
static inline const uint64_t *add_tap(struct sums *sums, const int8_t *bytes, const uint64_t *weights)
{
    const uint32_t word = pose_load4(bytes);
    const uint32_t even = pose_even_bytes(word);
    const uint32_t odd = pose_odd_bytes(word);
    uint32_t even_weights;
    uint32_t odd_weights;
    weights = pose_load_pairs(weights, &even_weights, &odd_weights);
    sums->at0 = pose_add_low_product(even, even_weights, sums->at0);
    sums->at1 = pose_add_low_product(odd, odd_weights, sums->at1);
    sums->at2 = pose_add_high_product(even, even_weights, sums->at2);
    sums->at3 = pose_add_high_product(odd, odd_weights, sums->at3);
    return weights;
}

/* Four channels from `channel` on; `taps` is a constant where this is worth unrolling. */
static inline const uint64_t *sum_group(struct sums *sums, const int8_t *const *pixels, int32_t channel, int32_t taps,
                                        const uint64_t *weights)
{
#pragma GCC unroll 9
    for (int32_t t = 0; t < taps; t++) {
        weights = add_tap(sums, pixels[t] + channel, weights);
        pose_keep_order();
    }
    return weights;
}

/* All whole groups of one output pixel. The loop's constants are copied from *conv, which the compiler must assume to
 * change with every byte that is stored. */
static inline __attribute__((always_inline)) void convolve_groups(const struct pose_conv *conv, const int8_t *const *pixels, int32_t taps,
                                                                  const uint64_t *weights, int8_t *out, enum pose_scaling scaling)
{
    const int32_t *bias = conv->bias;
    const int32_t *multipliers = conv->multipliers;
    const int8_t *shifts = conv->shifts;
    const struct pose_clamp_to to = {conv->out_zero_point, conv->act_min, conv->act_max};
    const int32_t channels = conv->out_c / GROUP * GROUP;
    for (int32_t channel = 0; channel < channels; channel += GROUP) {
        struct sums sums = {bias[channel], bias[channel + 1], bias[channel + 2], bias[channel + 3]};
        weights = sum_group(&sums, pixels, channel, taps, weights);
        const int32_t each[GROUP] = {sums.at0, sums.at1, sums.at2, sums.at3};
#pragma GCC unroll 4
        for (int32_t i = 0; i < GROUP; i++) {
            const struct pose_scale scale = pose_scale(multipliers[channel + i], shifts[channel + i], scaling);
            out[channel + i] = pose_scaled_output(each[i], &scale, &to, scaling);
        }
    }
}

/* Separate functions, so that each has the registers for itself. */
static __attribute__((noinline)) void convolve_3x3_plain(const struct pose_conv *conv, const int8_t *const *pixels, const uint64_t *weights,
                                                         int8_t *out)
{
    convolve_groups(conv, pixels, COMMON_TAPS, weights, out, POSE_SCALING_PLAIN);
}

static __attribute__((noinline)) void convolve_3x3_short(const struct pose_conv *conv, const int8_t *const *pixels, const uint64_t *weights,
                                                         int8_t *out)
{
    convolve_groups(conv, pixels, COMMON_TAPS, weights, out, POSE_SCALING_SHORT);
}

static __attribute__((noinline)) void convolve_any(const struct pose_conv *conv, const int8_t *const *pixels, int32_t taps,
                                                   const uint64_t *weights, int8_t *out)
{
    convolve_groups(conv, pixels, taps, weights, out, POSE_SCALING_WIDE);
}

/* Channels from `first` on, one by one. */
static void convolve_channels(const struct pose_conv *conv, const int8_t *const *pixels, int32_t taps, int32_t first, int8_t *out)
{
    for (int32_t channel = first; channel < conv->out_c; channel++) {
        const int8_t *weights = conv->weights + channel;
        const int32_t in_channel = channel / conv->depth_multiplier;
        int32_t sum = 0;
        for (int32_t t = 0; t < taps; t++) {
            sum += pixels[t][in_channel] * *weights;
            weights += conv->out_c;
        }
        out[channel] = pose_conv_output(conv, sum, channel);
    }
}

static void convolve_pixel(const struct pose_conv *conv, const int8_t *const *pixels, int32_t taps, const uint64_t *weights, int8_t *out)
{
    if (conv->depth_multiplier != 1) {
        convolve_channels(conv, pixels, taps, 0, out);
        return;
    }
    const enum pose_scaling scaling = taps == COMMON_TAPS ? pose_conv_scaling(conv) : POSE_SCALING_WIDE;
    if (scaling == POSE_SCALING_PLAIN) {
        convolve_3x3_plain(conv, pixels, weights, out);
    } else if (scaling == POSE_SCALING_SHORT) {
        convolve_3x3_short(conv, pixels, weights, out);
    } else {
        convolve_any(conv, pixels, taps, weights, out);
    }
    convolve_channels(conv, pixels, taps, conv->out_c / GROUP * GROUP, out);
}

static int run(const struct pose_op *op)
{
    const struct pose_conv conv = pose_conv_open(op);
    const int32_t taps = conv.kernel_h * conv.kernel_w;
    int8_t *const padding = op->scratch;
    memset(padding, conv.in_zero_point, (size_t)conv.in_c);
    uint64_t *const weights = (uint64_t *)(void *)(padding + ((size_t)conv.in_c + 7u) / 8u * 8u);
    if (conv.depth_multiplier == 1) {
        widen_weights(&conv, taps, weights);
    }
    const int8_t *pixels[POSE_DEPTHWISE_MAX_WINDOW];
    const int8_t *picture = conv.in;
    int8_t *out = conv.out;
    for (int32_t batch = 0; batch < conv.batches; batch++) {
        for (int32_t y = 0; y < conv.out_h; y++) {
            for (int32_t x = 0; x < conv.out_w; x++) {
                pose_conv_window(&conv, picture, y * conv.stride_h - conv.pad_top, x * conv.stride_w - conv.pad_left, padding, pixels);
                convolve_pixel(&conv, pixels, taps, weights, out);
                out += conv.out_c;
            }
        }
        picture += (size_t)conv.in_h * (size_t)conv.in_w * (size_t)conv.in_c;
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_DEPTHWISE_CONV_2D, POSE_KERNEL_ROWS, check, run);
