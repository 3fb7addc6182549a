/* DEPTHWISE_CONV_2D, int8, with the DSP instructions of Armv7E-M and Armv8-M. Same bits as the portable kernel.
 *
 * 3x3 windows, the common kind, are taken channel by channel on rows that were turned around (turned.h): some channels at a
 * time, as many as the scratch holds; every input row is turned once. The sums of an output row go to memory, and a second
 * loop with the channel's constants in registers requantises them.
 *
 * Other windows with a depth multiplier of 1 take channels four at a time: weights are widened to 16 bits once per run, and
 * every window position costs one load, two SXTB16 and four multiply-accumulates of half words. Channels left over, and
 * other depth multipliers, are summed one by one. */
#include <string.h>

#include "kernels/dsp/requantize.h"
#include "kernels/dsp/turned.h"

#define GROUP POSE_TURNED_CHANNELS

/* What a turned channel needs besides its words. */
struct channel {
    struct pose_turned_weights weights;
    struct pose_short_scale scale;
};

static bool is_turned(const struct pose_conv_params *p, uint32_t in_c)
{
    return p->depth_multiplier == 1u && p->kernel_h == 3u && p->kernel_w == 3u && p->dilation_h == 1u && p->dilation_w == 1u &&
           p->stride_h <= 2u && p->stride_w <= 2u && in_c >= GROUP;
}

/* One pixel of zero points, rounded up to double words. */
static uint64_t get_padding_bytes(uint64_t in_c)
{
    return (in_c + 7u) / 8u * 8u;
}

/* A row of sums (at most one per column), rounded up likewise, and each channel's words and constants. */
static uint64_t get_turned_bytes(uint64_t columns, uint64_t channels)
{
    return (columns + 1u) / 2u * 8u + channels * (columns * sizeof(uint32_t) + sizeof(struct channel));
}

static uint64_t get_scratch_bytes(const struct pose_conv_params *p, uint64_t in_c, uint64_t out_w)
{
    if (is_turned(p, (uint32_t)in_c)) {
        return get_padding_bytes(in_c) + get_turned_bytes(pose_turned_columns(out_w, p->stride_w), GROUP);
    }
    const uint64_t groups = p->depth_multiplier == 1u ? in_c / GROUP : 0u;
    return get_padding_bytes(in_c) + groups * p->kernel_h * p->kernel_w * sizeof(uint64_t);
}

static int check(const struct pose_op *op)
{
    const int status = pose_conv_check(op, true);
    return status != POSE_OK ? status
                             : pose_check_scratch(op, get_scratch_bytes(op->params, op->in[0].tensor->dims[3], op->out[0].tensor->dims[2]));
}

/* Some channels, turned. */
struct turned {
    const struct pose_conv *conv;
    struct channel *channels;
    const int8_t *padding; /* a pixel */
    int32_t *sums;
    uint8_t *words;
    int32_t columns;
    int32_t first, count; /* channels */
    int32_t begin, end;   /* columns that lie in the picture */
};

static int32_t clip(int32_t value, int32_t low, int32_t high)
{
    return pose_clamp(value, low, high < low ? low : high);
}

/* Zero points where a row leaves the picture, in all rows. */
static void fill_sides(const struct turned *t)
{
    uint32_t *words = (void *)t->words;
    const uint32_t padding = (uint8_t)t->conv->in_zero_point * 0x01010101u;
    for (int32_t i = 0; i < t->count; i++) {
        for (int32_t x = 0; x < t->begin; x++) {
            words[x] = padding;
        }
        for (int32_t x = t->end; x < t->columns; x++) {
            words[x] = padding;
        }
        words += t->columns;
    }
}

/* Where row `row` of the padded picture is; a row outside the picture is the same pixel again and again. */
static struct pose_turned_source find_row(const struct turned *t, const int8_t *picture, int32_t row)
{
    const struct pose_conv *conv = t->conv;
    const int32_t in_row = row - conv->pad_top;
    if (in_row < 0 || in_row >= conv->in_h) {
        return (struct pose_turned_source){t->padding + t->first, 0};
    }
    return (struct pose_turned_source){picture + (size_t)in_row * (size_t)conv->in_w * (size_t)conv->in_c + t->first, conv->in_c};
}

/* Turns rows `row`, an even number, and `row` + 1 of the padded picture into their bytes of the words. */
static __attribute__((noinline)) void turn_rows(const struct turned *t, const int8_t *picture, int32_t row)
{
    struct pose_turned_source upper = find_row(t, picture, row);
    struct pose_turned_source lower = find_row(t, picture, row + 1);
    const int32_t row_bytes = t->columns * (int32_t)sizeof(uint32_t);
    uint8_t *to = t->words + (size_t)t->begin * sizeof(uint32_t) + (row & 2);
    for (int32_t i = 0; i < t->count; i += GROUP) {
        pose_turn(upper, lower, t->end - t->begin, (void *)to, row_bytes);
        upper.pixels += GROUP;
        lower.pixels += GROUP;
        to += GROUP * row_bytes;
    }
}

/* A row of sums to one channel's stored values. */
static __attribute__((noinline)) void store_row(const struct pose_conv *conv, const int32_t *sums, const struct pose_short_scale *scale,
                                                int32_t channel, int8_t *out)
{
    const int32_t doubled_bias = (int32_t)((uint32_t)scale->bias << 1);
    const int32_t multiplier = scale->multiplier;
    const int32_t offset = scale->offset;
    const int32_t right = scale->right;
    const int32_t out_c = conv->out_c;
    const int32_t *const end = sums + conv->out_w;
    if (right == 0) {
        for (; sums != end; out += out_c) {
            *out = pose_conv_output(conv, *sums++, channel);
        }
        return;
    }
#pragma GCC unroll 4
    for (; sums != end; sums++) {
        *out = pose_short_doubled(pose_wrap_add(doubled_bias, (int32_t)((uint32_t)*sums << 1)), multiplier, offset, right);
        out = pose_step(out, out_c);
    }
}

static __attribute__((noinline)) void convolve_row(const struct turned *t, int32_t y, int8_t *out)
{
    const struct pose_conv *conv = t->conv;
    const uint32_t *words = (const void *)t->words;
    const int32_t rotation = y * conv->stride_h & 3;
    for (int32_t i = 0; i < t->count; i++) {
        const struct channel *channel = &t->channels[i];
        pose_turned_sums(words, t->columns, conv->stride_w, channel->weights.pairs[rotation], t->sums);
        store_row(conv, t->sums + pose_turned_early(conv->stride_w), &channel->scale, t->first + i, out + i);
        words += t->columns;
    }
}

/* The channels of *t in all pictures of the batch. */
static __attribute__((noinline)) void convolve_turned(const struct turned *t)
{
    const struct pose_conv *conv = t->conv;
    const int8_t *picture = conv->in;
    int8_t *out = conv->out + t->first;
    for (int32_t i = 0; i < t->count; i++) {
        pose_turn_weights(conv->weights + t->first + i, conv->out_c, &t->channels[i].weights);
        t->channels[i].scale = pose_channel_scale(conv, t->first + i, 9);
    }
    fill_sides(t);
    for (int32_t batch = 0; batch < conv->batches; batch++) {
        int32_t turned_rows = 0;
        for (int32_t y = 0; y < conv->out_h; y++) {
            for (; turned_rows < y * conv->stride_h + 3; turned_rows += 2) {
                turn_rows(t, picture, turned_rows);
            }
            convolve_row(t, y, out);
            out += (size_t)conv->out_w * (size_t)conv->out_c;
        }
        picture += (size_t)conv->in_h * (size_t)conv->in_w * (size_t)conv->in_c;
    }
}

/* Whole groups of channels; returns how many channels those are. */
static int32_t run_turned(const struct pose_op *op, const struct pose_conv *conv)
{
    const uint64_t padding = get_padding_bytes((uint64_t)conv->in_c);
    const uint64_t columns = pose_turned_columns((uint64_t)conv->out_w, (uint32_t)conv->stride_w);
    const uint64_t room = op->desc->scratch_bytes - padding - get_turned_bytes(columns, 0);
    const uint64_t fit = room / (columns * sizeof(uint32_t) + sizeof(struct channel)) / GROUP * GROUP;
    const int32_t channels = conv->out_c / GROUP * GROUP;
    const int32_t most = fit < (uint64_t)channels ? (int32_t)fit : channels;
    struct turned t = {.conv = conv, .padding = op->scratch, .columns = (int32_t)columns};
    memset(op->scratch, conv->in_zero_point, (size_t)conv->in_c);
    t.channels = (void *)((uint8_t *)op->scratch + padding);
    t.sums = (void *)(t.channels + most);
    t.words = (uint8_t *)t.sums + (columns + 1u) / 2u * 8u;
    t.begin = clip(conv->pad_left, 0, t.columns);
    t.end = clip(conv->pad_left + conv->in_w, t.begin, t.columns);
    for (; t.first < channels; t.first += t.count) {
        t.count = channels - t.first < most ? channels - t.first : most;
        convolve_turned(&t);
    }
    return channels;
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

/* Four channels from `channel` on. */
static inline const uint64_t *sum_group(struct sums *sums, const int8_t *const *pixels, int32_t channel, int32_t taps,
                                        const uint64_t *weights)
{
    for (int32_t t = 0; t < taps; t++) {
        weights = add_tap(sums, pixels[t] + channel, weights);
    }
    return weights;
}

/* The whole groups of one output pixel. */
static void convolve_groups(const struct pose_conv *conv, const int8_t *const *pixels, int32_t taps, const uint64_t *weights, int8_t *out)
{
    for (int32_t channel = 0; channel + GROUP <= conv->out_c; channel += GROUP) {
        struct sums sums = {0, 0, 0, 0};
        weights = sum_group(&sums, pixels, channel, taps, weights);
        out[channel] = pose_conv_output(conv, sums.at0, channel);
        out[channel + 1] = pose_conv_output(conv, sums.at1, channel + 1);
        out[channel + 2] = pose_conv_output(conv, sums.at2, channel + 2);
        out[channel + 3] = pose_conv_output(conv, sums.at3, channel + 3);
    }
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

/* The channels from `first` on, pixel by pixel. */
static void run_pixels(const struct pose_op *op, const struct pose_conv *conv, int32_t first)
{
    const int32_t taps = conv->kernel_h * conv->kernel_w;
    int8_t *const padding = op->scratch;
    memset(padding, conv->in_zero_point, (size_t)conv->in_c);
    uint64_t *const weights = (uint64_t *)(void *)(padding + get_padding_bytes((uint64_t)conv->in_c));
    const bool grouped = conv->depth_multiplier == 1 && first == 0;
    if (grouped) {
        widen_weights(conv, taps, weights);
        first = conv->out_c / GROUP * GROUP;
    }
    const int8_t *pixels[POSE_DEPTHWISE_MAX_WINDOW];
    const int8_t *picture = conv->in;
    int8_t *out = conv->out;
    for (int32_t batch = 0; batch < conv->batches; batch++) {
        for (int32_t y = 0; y < conv->out_h; y++) {
            for (int32_t x = 0; x < conv->out_w; x++) {
                pose_conv_window(conv, picture, y * conv->stride_h - conv->pad_top, x * conv->stride_w - conv->pad_left, padding, pixels);
                if (grouped) {
                    convolve_groups(conv, pixels, taps, weights, out);
                }
                convolve_channels(conv, pixels, taps, first, out);
                out += conv->out_c;
            }
        }
        picture += (size_t)conv->in_h * (size_t)conv->in_w * (size_t)conv->in_c;
    }
}

static int run(const struct pose_op *op)
{
    const struct pose_conv conv = pose_conv_open(op);
    const int32_t done = is_turned(op->params, (uint32_t)conv.in_c) ? run_turned(op, &conv) : 0;
    if (done < conv.out_c) {
        run_pixels(op, &conv, done);
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_DEPTHWISE_CONV_2D, POSE_KERNEL_ROWS, check, run);
