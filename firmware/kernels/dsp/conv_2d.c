/* CONV_2D, int8, with the DSP instructions of Armv7E-M and Armv8-M. Same bits as the portable kernel.
 *
 * Output channels are taken in tiles, as many as the scratch holds: their weights are read once, widened to 16 bits in the
 * order in which SXTB16 takes words apart, and followed by what the channel's requantisation needs. Then the output pixels
 * meet the tile seven at a time, or four, or one; their windows are widened likewise, once per tile. So slow memory is read
 * exactly once whatever the cache does, and the inner loop (dot.h) neither widens nor reads more than one stream each of
 * weights and windows. */
#include <string.h>

#include "kernels/dsp/dot.h"
#include "kernels/dsp/windows.h"
#include "kernels/grouped.h"

#define FEW_ROWS 16 /* a tile of fewer rows would rather have the room of three windows */

/* Where things are in the scratch: a block of widened windows, a tile of rows, one gathered window. */
struct layout {
    uint32_t windows;   /* most of a block */
    uint32_t row_bytes; /* of the tile */
    uint32_t rows;
    bool gathers;
};

static bool is_gathered(uint32_t in_c)
{
    return in_c % 4u != 0u;
}

static uint32_t get_row_bytes(uint32_t weight_stride)
{
    return weight_stride * (uint32_t)sizeof(int16_t) + (uint32_t)sizeof(struct pose_short_scale);
}

/* The least that does: a small block, one row, one window where they are gathered. */
static uint64_t get_scratch_bytes(uint32_t weight_stride, uint32_t in_c)
{
    return (uint64_t)weight_stride * (POSE_SOME * sizeof(int16_t)) + get_row_bytes(weight_stride) +
           (is_gathered(in_c) ? weight_stride : 0u);
}

static uint32_t get_rows(const struct pose_op *op, uint32_t windows, uint32_t weight_stride, uint32_t in_c)
{
    const uint32_t taken = weight_stride * (windows * (uint32_t)sizeof(int16_t) + (is_gathered(in_c) ? 1u : 0u));
    const uint32_t out_c = op->out[0].tensor->dims[3];
    const uint32_t rows = op->desc->scratch_bytes > taken ? (op->desc->scratch_bytes - taken) / get_row_bytes(weight_stride) : 0u;
    return rows < out_c ? rows : out_c;
}

/* Of the scratch that check() has seen; tiles are of about the same number of rows. */
static struct layout get_layout(const struct pose_op *op)
{
    const struct pose_conv_params *p = op->params;
    const uint32_t in_c = op->in[0].tensor->dims[3];
    const uint32_t out_c = op->out[0].tensor->dims[3];
    const uint32_t many_rows = get_rows(op, POSE_MANY, p->weight_stride, in_c);
    const bool many = many_rows >= FEW_ROWS || many_rows == out_c;
    const uint32_t rows = many ? many_rows : get_rows(op, POSE_SOME, p->weight_stride, in_c);
    const uint32_t tiles = (out_c + rows - 1u) / rows;
    return (struct layout){many ? POSE_MANY : POSE_SOME, get_row_bytes(p->weight_stride), (out_c + tiles - 1u) / tiles, is_gathered(in_c)};
}

static int check(const struct pose_op *op)
{
    const int status = pose_conv_check(op, false);
    const struct pose_conv_params *p = op->params;
    if (status != POSE_OK) {
        return status;
    }
    const bool grouped = pose_conv_groups(p) > 1u;
    return pose_check_scratch(op,
                              grouped ? pose_grouped_scratch_bytes(op) : get_scratch_bytes(p->weight_stride, op->in[0].tensor->dims[3]));
}

/* What all blocks of a run share. */
struct work {
    struct pose_conv conv;
    int32_t groups; /* words of a window */
    uint64_t *blocks;
    uint64_t *tile;
    int8_t *window;
    int32_t first, rows; /* channels of the tile */
};

/* The window of output pixel (y, x), into every `step`-th double word from `to` on. */
static void widen_window(const struct work *work, const int8_t *picture, int32_t y, int32_t x, uint64_t *to, int32_t step)
{
    const struct pose_conv *conv = &work->conv;
    const int32_t top = y * conv->stride_h - conv->pad_top;
    const int32_t left = x * conv->stride_w - conv->pad_left;
    int8_t *gathered = work->window;
    for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
        const int32_t row = top + ky * conv->dilation_h;
        if (work->window == NULL) {
            to = pose_widen_row(conv, picture, row, left, to, step);
        } else {
            gathered = pose_gather_row(conv, picture, row, left, gathered);
        }
    }
    if (work->window != NULL) {
        pose_widen(work->window, work->groups, to, step);
    }
}

/* Reads the weights of the next tile. */
static void fill_tile(struct work *work)
{
    const struct pose_conv *conv = &work->conv;
    const int8_t *weights = conv->weights + (size_t)work->first * (size_t)conv->weight_stride;
    uint64_t *to = work->tile;
    for (int32_t channel = work->first; channel < work->first + work->rows; channel++) {
        to = pose_widen(weights, work->groups, to, 1);
        weights += conv->weight_stride;
        const struct pose_short_scale scale = pose_channel_scale(conv, channel, conv->weight_stride);
        memcpy(to, &scale, sizeof scale);
        to += sizeof scale / sizeof *to;
    }
}

/* One channel of a block by the way that is always right; returns the next one's weights. */
static __attribute__((noinline)) const uint64_t *convolve_any(const struct work *work, int32_t windows, const uint64_t *row, int8_t *out)
{
    const struct pose_conv *conv = &work->conv;
    const struct pose_short_scale *const scale = (const void *)(row + work->groups);
    const int32_t channel = (int32_t)((out - conv->out) % conv->out_c);
    int32_t sums[POSE_MANY];
    if (windows == POSE_MANY) {
        pose_dot_many(sums, work->blocks, row, work->groups, 0);
    } else if (windows == POSE_SOME) {
        pose_dot_some(sums, work->blocks, row, work->groups, 0);
    } else {
        sums[0] = pose_dot_one(work->blocks, row, work->groups, 0);
    }
    for (int32_t p = 0; p < windows; p++) {
        out[p * conv->out_c] = pose_conv_output(conv, sums[p], channel);
    }
    return (const void *)(scale + 1);
}

/* The tile's channels of `windows` pixels, the first of which is at `out`. */
static inline __attribute__((always_inline)) void convolve_rows(const struct work *work, int32_t windows, int8_t *out)
{
    const uint64_t *const blocks = work->blocks;
    const uint64_t *row = work->tile;
    const int32_t groups = work->groups;
    const int32_t out_c = work->conv.out_c;
    for (const int8_t *const end = out + work->rows; out != end; out++) {
        const struct pose_short_scale *const scale = (const void *)(row + groups);
        if (scale->right == 0) {
            row = convolve_any(work, windows, row, out);
        } else if (windows == POSE_MANY) {
            row = pose_row_many(blocks, row, scale, out, out_c);
        } else if (windows == POSE_SOME) {
            row = pose_row_some(blocks, row, scale, out, out_c);
        } else {
            row = pose_row_one(blocks, row, scale, out);
        }
    }
}

/* Separate functions, so that each has the registers for itself. */
static __attribute__((noinline)) void convolve_many(const struct work *work, int8_t *out)
{
    convolve_rows(work, POSE_MANY, out);
}

static __attribute__((noinline)) void convolve_some(const struct work *work, int8_t *out)
{
    convolve_rows(work, POSE_SOME, out);
}

static __attribute__((noinline)) void convolve_one(const struct work *work, int8_t *out)
{
    convolve_rows(work, 1, out);
}

static void convolve_block(const struct work *work, int32_t windows, int8_t *out)
{
    if (windows == POSE_MANY) {
        convolve_many(work, out);
    } else if (windows == POSE_SOME) {
        convolve_some(work, out);
    } else {
        convolve_one(work, out);
    }
}

/* How many of `left` pixels the next block takes: as many fours first as leave sevens, so that from 18 pixels on (and for
 * most numbers below) no block is smaller than four, and none has an idle place. */
static int32_t next_windows(int32_t left, int32_t most)
{
    const int32_t fours = left * 2 % POSE_MANY;
    if (most == POSE_MANY && left >= POSE_MANY && (fours == 0 || fours * POSE_SOME > left)) {
        return POSE_MANY;
    }
    return left >= POSE_SOME ? POSE_SOME : 1;
}

/* All pixels of one picture of the batch. */
static void convolve_picture(const struct work *work, int32_t most, const int8_t *picture, int8_t *out)
{
    const struct pose_conv *conv = &work->conv;
    int32_t y = 0;
    int32_t x = 0;
    for (int32_t left = conv->out_h * conv->out_w; left > 0;) {
        const int32_t windows = next_windows(left, most);
        for (int32_t p = 0; p < windows; p++) {
            widen_window(work, picture, y, x, work->blocks + p, windows);
            if (++x == conv->out_w) {
                x = 0;
                y++;
            }
        }
        convolve_block(work, windows, out);
        out += windows * conv->out_c;
        left -= windows;
    }
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
    const struct layout layout = get_layout(op);
    struct work work = {.conv = pose_conv_open(op), .blocks = op->scratch};
    const struct pose_conv *conv = &work.conv;
    work.groups = conv->weight_stride / 4;
    work.tile = work.blocks + (size_t)layout.windows * (size_t)work.groups;
    if (layout.gathers) {
        work.window = (int8_t *)work.tile + (size_t)layout.rows * layout.row_bytes;
        memset(work.window, 0, (size_t)conv->weight_stride); /* the surplus of the last word stays */
    }
    const size_t in_bytes = (size_t)conv->in_h * (size_t)conv->in_w * (size_t)conv->in_c;
    const size_t out_bytes = (size_t)conv->out_h * (size_t)conv->out_w * (size_t)conv->out_c;
    for (; work.first < conv->out_c; work.first += work.rows) {
        const int32_t rest = conv->out_c - work.first;
        work.rows = rest < (int32_t)layout.rows ? rest : (int32_t)layout.rows;
        fill_tile(&work);
        for (int32_t batch = 0; batch < conv->batches; batch++) {
            convolve_picture(&work, (int32_t)layout.windows, conv->in + (size_t)batch * in_bytes,
                             conv->out + (size_t)batch * out_bytes + work.first);
        }
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_CONV_2D, POSE_KERNEL_ROWS, check, run);
