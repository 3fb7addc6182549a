/* CONV_2D, int8, with the DSP instructions of Armv7E-M and Armv8-M. Same bits as the portable kernel.
 *
 * Output pixels are taken four at a time. Their windows are widened to 16 bits once, in the order in which SXTB16
 * takes words apart, and interleaved: group g of four taps of pixel p is blocks[g * 4 + p]. Every row of weights then
 * meets all four pixels: per four taps, one load and two SXTB16 for the weights, one double-word load and two SMLAD a
 * pixel. A window that is not four-byte chunks of the picture itself is gathered first. */
#include <string.h>

#include "kernels/dsp/requantize.h"
#include "kernels/grouped.h"

#define PIXELS 4

/* The widened windows, then one gathered window. */
static uint64_t get_scratch_bytes(uint32_t weight_stride)
{
    return (uint64_t)weight_stride * (PIXELS * sizeof(int16_t) + 1u);
}

static int check(const struct pose_op *op)
{
    const int status = pose_conv_check(op, false);
    const struct pose_conv_params *p = op->params;
    if (status != POSE_OK) {
        return status;
    }
    const bool grouped = pose_conv_groups(p) > 1u;
    return pose_check_scratch(op, grouped ? pose_grouped_scratch_bytes(op) : get_scratch_bytes(p->weight_stride));
}

/* Copies one row of a window. */
static void gather_row(const struct pose_conv *conv, const int8_t *picture, int32_t row, int32_t left, int8_t *window)
{
    const size_t pixel_bytes = (size_t)conv->in_c;
    const size_t row_bytes = (size_t)conv->kernel_w * pixel_bytes;
    const bool inside = left >= 0 && left + conv->kernel_w <= conv->in_w && conv->dilation_w == 1;
    if (row < 0 || row >= conv->in_h) {
        memset(window, conv->in_zero_point, row_bytes);
    } else if (inside) {
        memcpy(window, pose_conv_pixel(conv, picture, row, left, NULL), row_bytes);
    } else {
        for (int32_t kx = 0; kx < conv->kernel_w; kx++) {
            const int8_t *pixel = pose_conv_pixel(conv, picture, row, left + kx * conv->dilation_w, NULL);
            if (pixel == NULL) {
                memset(window, conv->in_zero_point, pixel_bytes);
            } else {
                memcpy(window, pixel, pixel_bytes);
            }
            window += pixel_bytes;
        }
    }
}

static void gather_window(const struct pose_conv *conv, const int8_t *picture, int32_t top, int32_t left, int8_t *window)
{
    const int32_t row_bytes = conv->kernel_w * conv->in_c;
    for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
        gather_row(conv, picture, top + ky * conv->dilation_h, left, window + (size_t)ky * (size_t)row_bytes);
    }
}

/* Widens one window of `groups` words into every PIXELS-th double word. */
static void widen(const int8_t *window, int32_t groups, uint64_t *blocks)
{
    for (int32_t g = 0; g < groups; g++) {
        *blocks = pose_widen4(pose_load4(window));
        blocks += PIXELS;
        window += 4;
    }
}

/* Sums of one output channel at PIXELS pixels. */
struct sums {
    int32_t at0, at1, at2, at3;
};

/* Four taps of a weight row against the same taps of all pixels; returns where the next taps are. */
static inline const uint64_t *add_group(struct sums *sums, const uint64_t *blocks, uint32_t weights)
{
    const uint32_t even = pose_even_bytes(weights);
    const uint32_t odd = pose_odd_bytes(weights);
    uint32_t even_taps;
    uint32_t odd_taps;
    blocks = pose_load_pairs(blocks, &even_taps, &odd_taps);
    sums->at0 = pose_add_products(odd_taps, odd, pose_add_products(even_taps, even, sums->at0));
    blocks = pose_load_pairs(blocks, &even_taps, &odd_taps);
    sums->at1 = pose_add_products(odd_taps, odd, pose_add_products(even_taps, even, sums->at1));
    blocks = pose_load_pairs(blocks, &even_taps, &odd_taps);
    sums->at2 = pose_add_products(odd_taps, odd, pose_add_products(even_taps, even, sums->at2));
    blocks = pose_load_pairs(blocks, &even_taps, &odd_taps);
    sums->at3 = pose_add_products(odd_taps, odd, pose_add_products(even_taps, even, sums->at3));
    return blocks;
}

/* One row of `groups` words of weights against all pixels, on top of the bias. */
static inline struct sums dot_products(const uint64_t *blocks, const int8_t *weights, int32_t bias, int32_t groups)
{
    struct sums sums = {bias, bias, bias, bias};
    const int8_t *const end = weights + (groups & ~1) * 4;
    while (weights != end) { /* two groups a turn */
        blocks = add_group(&sums, blocks, pose_load4(weights));
        blocks = add_group(&sums, blocks, pose_load4(weights + 4));
        weights += 8;
    }
    if ((groups & 1) != 0) {
        add_group(&sums, blocks, pose_load4(weights));
    }
    return sums;
}

/* All channels of PIXELS neighbouring output pixels, the first of which is at `out`. Everything the loop needs is copied
 * from *conv, which the compiler must assume to change with every byte that is stored. */
static inline __attribute__((always_inline)) void convolve_channels(const struct pose_conv *conv, const uint64_t *blocks, int8_t *out,
                                                                    enum pose_scaling scaling)
{
    const int8_t *weights = conv->weights;
    const int8_t *shifts = conv->shifts;
    const int32_t *bias = conv->bias;
    const int32_t *multipliers = conv->multipliers;
    const int8_t *const end = out + conv->out_c;
    const int32_t stride = conv->weight_stride;
    const int32_t out_c = conv->out_c;
    const struct pose_clamp_to to = {conv->out_zero_point, conv->act_min, conv->act_max};
    for (; out != end; out++) {
        const struct sums sums = dot_products(blocks, weights, *bias++, stride / 4);
        const struct pose_scale scale = pose_scale(*multipliers++, *shifts++, scaling);
        int8_t *target = out;
        *target = pose_scaled_output(sums.at0, &scale, &to, scaling);
        target += out_c;
        *target = pose_scaled_output(sums.at1, &scale, &to, scaling);
        target += out_c;
        *target = pose_scaled_output(sums.at2, &scale, &to, scaling);
        target += out_c;
        *target = pose_scaled_output(sums.at3, &scale, &to, scaling);
        weights += stride;
    }
}

/* Separate functions, so that each has the registers for itself. */
static __attribute__((noinline)) void convolve_plain(const struct pose_conv *conv, const uint64_t *blocks, int8_t *out)
{
    convolve_channels(conv, blocks, out, POSE_SCALING_PLAIN);
}

static __attribute__((noinline)) void convolve_short(const struct pose_conv *conv, const uint64_t *blocks, int8_t *out)
{
    convolve_channels(conv, blocks, out, POSE_SCALING_SHORT);
}

static __attribute__((noinline)) void convolve_wide(const struct pose_conv *conv, const uint64_t *blocks, int8_t *out)
{
    convolve_channels(conv, blocks, out, POSE_SCALING_WIDE);
}

/* The last pixels, fewer than PIXELS; the surplus pixels of the block hold anything. */
static __attribute__((noinline)) void convolve_rest(const struct pose_conv *conv, const uint64_t *blocks, int32_t count, int8_t *out)
{
    for (int32_t channel = 0; channel < conv->out_c; channel++) {
        const int8_t *weights = conv->weights + (size_t)channel * (size_t)conv->weight_stride;
        const struct sums sums = dot_products(blocks, weights, 0, conv->weight_stride / 4);
        const int32_t each[PIXELS] = {sums.at0, sums.at1, sums.at2, sums.at3};
        for (int32_t p = 0; p < count; p++) {
            out[p * conv->out_c + channel] = pose_conv_output(conv, each[p], channel);
        }
    }
}

static void convolve_block(const struct pose_conv *conv, const uint64_t *blocks, int32_t count, int8_t *out)
{
    const enum pose_scaling scaling = pose_conv_scaling(conv);
    if (count < PIXELS) {
        convolve_rest(conv, blocks, count, out);
    } else if (scaling == POSE_SCALING_PLAIN) {
        convolve_plain(conv, blocks, out);
    } else if (scaling == POSE_SCALING_SHORT) {
        convolve_short(conv, blocks, out);
    } else {
        convolve_wide(conv, blocks, out);
    }
}

/* Pointwise at every pixel, whole words: the picture itself is the list of windows. */
static bool is_direct(const struct pose_conv *conv)
{
    return conv->kernel_h == 1 && conv->kernel_w == 1 && conv->stride_h == 1 && conv->stride_w == 1 && conv->pad_top == 0 &&
           conv->pad_left == 0 && conv->in_c % 4 == 0 && conv->in_h == conv->out_h && conv->in_w == conv->out_w;
}

/* Of one group's part of a window. */
static int32_t dot(const int8_t *values, const int8_t *weights, int32_t count)
{
    int32_t sum = 0;
    for (const int8_t *const end = values + count; values != end; values += 4) {
        const uint32_t stored = pose_load4(values);
        const uint32_t taps = pose_load4(weights);
        sum = pose_add_products(pose_even_bytes(stored), pose_even_bytes(taps), sum);
        sum = pose_add_products(pose_odd_bytes(stored), pose_odd_bytes(taps), sum);
        weights += 4;
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
    const bool direct = is_direct(&conv);
    const int32_t groups = conv.weight_stride / 4;
    const int32_t pixels = conv.out_h * conv.out_w;
    uint64_t *const blocks = op->scratch;
    int8_t *const window = (int8_t *)(blocks + (size_t)groups * PIXELS);
    memset(window, 0, (size_t)conv.weight_stride); /* the surplus of the last word stays */
    const int8_t *picture = conv.in;
    int8_t *out = conv.out;
    for (int32_t batch = 0; batch < conv.batches; batch++) {
        for (int32_t first = 0; first < pixels; first += PIXELS) {
            const int32_t count = pixels - first < PIXELS ? pixels - first : PIXELS;
            for (int32_t p = 0; p < count; p++) {
                const int32_t y = (first + p) / conv.out_w;
                const int32_t x = (first + p) % conv.out_w;
                if (direct) {
                    widen(picture + (size_t)(first + p) * (size_t)conv.in_c, groups, blocks + p);
                } else {
                    gather_window(&conv, picture, y * conv.stride_h - conv.pad_top, x * conv.stride_w - conv.pad_left, window);
                    widen(window, groups, blocks + p);
                }
            }
            convolve_block(&conv, blocks, count, out);
            out += (size_t)count * (size_t)conv.out_c;
        }
        picture += (size_t)conv.in_h * (size_t)conv.in_w * (size_t)conv.in_c;
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_CONV_2D, POSE_KERNEL_ROWS, check, run);
