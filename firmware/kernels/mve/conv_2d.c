/* CONV_2D, int8, with Helium. Same bits as the portable kernel.
 *
 * Output channels are taken in tiles, whose rows of weights are copied to scratch once: so the memory that holds the
 * network is read once whatever a cache keeps. Then all output pixels meet the tile, in blocks. Four rows at a time (every
 * other channel of a group of eight, see requantize.h) are summed as sums.h says. The sums go to memory, and a second
 * loop with the group's constants in registers requantises them. Pointwise windows are read where they are, others are
 * gathered once per tile, as strips (strips.h) or one by one (gather.h). A vector of taps may reach past its window, where
 * it meets zeros; pixels whose vectors would reach past the picture are gathered too. */
#include <string.h>

#include "kernels/grouped.h"
#include "kernels/mve/gather.h"
#include "kernels/mve/stores.h"
#include "kernels/mve/strips.h"
#include "kernels/mve/sums.h"

#define LANES POSE_MVE_LANES
#define ROWS POSE_MVE_ROWS
#define SUM_PIXELS POSE_CONV_MAX_BLOCK_PIXELS

static uint64_t get_padded_taps(uint64_t taps)
{
    return (taps + LANES - 1u) / LANES * LANES;
}

/* Gathered windows: two strips, or one window behind the other. */
static uint64_t get_windows_bytes(const struct pose_conv_params *p, uint32_t in_c, uint64_t padded)
{
    if (!pose_mve_has_strips(p, in_c)) {
        return padded * p->block_pixels;
    }
    return 2u * pose_mve_strip_columns(p->block_pixels / 2u, p->stride_w, p->kernel_w) * p->kernel_h * in_c;
}

static uint64_t get_group_bytes(uint32_t tile_rows)
{
    return (uint64_t)(tile_rows + POSE_MVE_GROUP - 1u) / POSE_MVE_GROUP * sizeof(struct pose_mve_group);
}

/* Both halves' sums, a tile's constants and weights, the gathered windows. */
static uint64_t get_scratch_bytes(const struct pose_conv_params *p, uint32_t in_c)
{
    const uint64_t padded = get_padded_taps((uint64_t)p->kernel_h * p->kernel_w * in_c);
    return SUM_PIXELS * 2u * ROWS * sizeof(int32_t) + get_group_bytes(p->tile_rows) + padded * p->tile_rows +
           get_windows_bytes(p, in_c, padded) + POSE_MVE_GATHER_SPARE;
}

static int check(const struct pose_op *op)
{
    const int status = pose_conv_check(op, false);
    if (status != POSE_OK) {
        return status;
    }
    if (pose_conv_groups(op->params) > 1u) {
        return pose_check_scratch(op, pose_grouped_scratch_bytes(op));
    }
    return pose_conv_tile_valid(op) ? pose_check_scratch(op, get_scratch_bytes(op->params, op->in[0].tensor->dims[3])) : POSE_ERR_IMAGE;
}

struct work {
    int32_t taps, padded;
    int32_t reach;                  /* bytes of a window that its vectors cover */
    int32_t first_channel, channels; /* of the tile */
    int32_t *sums; /* [2][SUM_PIXELS][ROWS] */
    struct pose_mve_group *groups;
    int8_t *tile, *windows;
    bool strips;
    struct pose_mve_columns inside;
};

/* The next `vectors` vectors of four rows as [vectors][4][16]; returns what is behind them. */
static int8_t *arrange_vectors(const int8_t *rows[ROWS], int32_t vectors, int8_t *to)
{
    __asm volatile("wls lr, %[vectors], 2f\n"
                   "1:\n"
                   "vldrb.8 q0, [%[row0]], #16\n"
                   "vldrb.8 q1, [%[row1]], #16\n"
                   "vldrb.8 q2, [%[row2]], #16\n"
                   "vldrb.8 q3, [%[row3]], #16\n"
                   "vstrb.8 q0, [%[to]], #16\n"
                   "vstrb.8 q1, [%[to]], #16\n"
                   "vstrb.8 q2, [%[to]], #16\n"
                   "vstrb.8 q3, [%[to]], #16\n"
                   "le lr, 1b\n"
                   "2:\n"
                   : [row0] "+r"(rows[0]), [row1] "+r"(rows[1]), [row2] "+r"(rows[2]), [row3] "+r"(rows[3]), [to] "+r"(to)
                   : [vectors] "r"(vectors)
                   : "lr", "q0", "q1", "q2", "q3", "cc", "memory");
    return to;
}

/* Four rows in the order of a strip's taps. */
static int8_t *arrange_columns(const struct pose_conv *conv, const int8_t *rows[ROWS], int8_t *to)
{
    for (int32_t kx = 0; kx < conv->kernel_w; kx++) {
        for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
            const size_t tap = ((size_t)ky * (size_t)conv->kernel_w + (size_t)kx) * (size_t)conv->in_c;
            const int8_t *at[ROWS] = {rows[0] + tap, rows[1] + tap, rows[2] + tap, rows[3] + tap};
            to = arrange_vectors(at, conv->in_c / LANES, to);
        }
    }
    return to;
}

/* Rows channel, channel + step, ... as [taps / 16][4][16]; zeros behind the last tap, or before the taps that the vector
 * before has. A row that does not exist gives sums that are not stored: any other row serves. Returns what is behind. */
static int8_t *arrange_rows(const struct pose_conv *conv, const struct work *work, int32_t channel, int32_t step, int8_t *to)
{
    const int8_t *rows[ROWS];
    for (int32_t i = 0; i < ROWS; i++) {
        const int32_t row = channel + step * i < conv->out_c ? channel + step * i : channel;
        rows[i] = conv->weights + (size_t)row * (size_t)conv->weight_stride;
    }
    if (work->strips) {
        return arrange_columns(conv, rows, to);
    }
    to = arrange_vectors(rows, work->taps / LANES, to);
    if (work->padded != work->taps) {
        const mve_pred16_t first = vctp8q((uint32_t)(work->taps % LANES));
        const bool overlap = work->reach == work->taps;
        for (int32_t i = 0; i < ROWS; i++) {
            const int8x16_t last = overlap ? vldrbq_z_s8(rows[i] - work->taps % LANES, vpnot(first)) : vldrbq_z_s8(rows[i], first);
            vst1q_s8(to, last);
            to += LANES;
        }
    }
    return to;
}

static void arrange_tile(const struct pose_conv *conv, const struct work *work)
{
    int8_t *to = work->tile;
    struct pose_mve_group *group = work->groups;
    for (int32_t channel = work->first_channel; channel < work->first_channel + work->channels; channel += POSE_MVE_GROUP) {
        pose_mve_fill_group(conv, channel, group);
        if (group->channels <= ROWS) {
            arrange_rows(conv, work, channel, 1, to);
        } else {
            to = arrange_rows(conv, work, channel, 2, to);
            to = arrange_rows(conv, work, channel + 1, 2, to);
        }
        group++;
    }
}

/* The tile's channels at the block's pixels; `distance` is that of a pair's pixels. */
static void convolve_block(const struct pose_conv *conv, const struct work *work, struct pose_mve_windows *windows, int32_t distance,
                           int8_t *out)
{
    const size_t out_c = (size_t)conv->out_c;
    const int8_t *weights = work->tile;
    const struct pose_mve_group *group = work->groups;
    const size_t rows_bytes = (size_t)work->padded * ROWS;
    for (int32_t channel = work->first_channel; channel < work->first_channel + work->channels; channel += POSE_MVE_GROUP) {
        const struct pose_mve_target to = {out + channel, (size_t)distance * out_c, distance == 1 ? 2u * out_c : out_c};
        windows->sum(windows, weights, work->sums);
        if (group->channels <= ROWS) {
            pose_mve_store_few(conv, group, work->sums, windows->count, &to);
            return;
        }
        windows->sum(windows, weights + rows_bytes, work->sums + SUM_PIXELS * ROWS);
        weights += 2u * rows_bytes;
        pose_mve_store_group(conv, group, work->sums, windows->count, &to);
        group++;
    }
}

/* `count` windows, `stride` bytes apart. */
static void convolve_run(const struct pose_conv *conv, const struct work *work, const int8_t *first, int32_t stride, int32_t count,
                         int8_t *out)
{
    const int32_t half = (count + 1) / 2;
    struct pose_mve_windows windows;
    pose_mve_open_windows(&windows, first, first + half * stride, stride, count, work->padded / LANES, work->reach);
    convolve_block(conv, work, &windows, work->padded == LANES ? 1 : half, out);
}

/* Pixels from the first on whose windows can be read in the picture itself, an even number. */
static int32_t get_direct_pixels(const struct pose_conv *conv, const struct work *work)
{
    const bool pointwise = conv->kernel_h == 1 && conv->kernel_w == 1 && conv->stride_h == 1 && conv->stride_w == 1 && conv->pad_top == 0 &&
                           conv->pad_left == 0 && conv->in_h == conv->out_h && conv->in_w == conv->out_w;
    const int32_t bytes = conv->in_h * conv->in_w * conv->in_c;
    return pointwise && bytes >= work->reach ? ((bytes - work->reach) / conv->in_c + 1) & ~1 : 0;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The tile's channels at all pixels of one picture, whose windows are the picture's own or gathered one by one. */
static void convolve_windows(const struct pose_conv *conv, const struct work *work, const int8_t *picture, int8_t *out)
{
    const int32_t pixels = conv->out_h * conv->out_w;
    const int32_t direct = get_direct_pixels(conv, work);
    for (int32_t first = 0; first < pixels;) {
        int8_t *const to = out + (size_t)first * (size_t)conv->out_c;
        if (first < direct) {
            const int32_t count = smaller(direct - first, SUM_PIXELS);
            convolve_run(conv, work, picture + (size_t)first * (size_t)conv->in_c, conv->in_c, count, to);
            first += count;
        } else {
            const int32_t count = smaller(pixels - first, conv->block_pixels);
            pose_mve_gather(conv, &work->inside, picture, first, count, (size_t)work->reach, work->windows);
            convolve_run(conv, work, work->windows, work->reach, count, to);
            first += count;
        }
    }
}

/* The same with strips: blocks of two rows, of which the lower one may be missing. */
static void convolve_strips(const struct pose_conv *conv, const struct work *work, const int8_t *picture, int8_t *out)
{
    const int32_t most = conv->block_pixels / 2;
    const int32_t stride = conv->stride_w * conv->kernel_h * conv->in_c;
    for (int32_t y = 0; y < conv->out_h; y += 2) {
        const int32_t top = y * conv->stride_h - conv->pad_top;
        for (int32_t x = 0; x < conv->out_w; x += most) {
            const int32_t count = smaller(conv->out_w - x, most);
            const int32_t left = x * conv->stride_w - conv->pad_left;
            const int32_t columns = (int32_t)pose_mve_strip_columns((uint64_t)count, (uint32_t)conv->stride_w, (uint32_t)conv->kernel_w);
            int8_t *const lower = work->windows + columns * conv->kernel_h * conv->in_c;
            int8_t *const to = out + ((size_t)y * (size_t)conv->out_w + (size_t)x) * (size_t)conv->out_c;
            pose_mve_make_strip(conv, picture, top, left, columns, work->windows);
            if (y + 1 == conv->out_h) {
                convolve_run(conv, work, work->windows, stride, count, to);
                continue;
            }
            pose_mve_make_strip(conv, picture, top + conv->stride_h, left, columns, lower);
            struct pose_mve_windows windows;
            pose_mve_open_windows(&windows, work->windows, lower, stride, 2 * count, work->padded / LANES, work->reach);
            convolve_block(conv, work, &windows, conv->out_w, to);
        }
    }
}

/* Of one group's part of a window. */
static int32_t dot(const int8_t *values, const int8_t *weights, int32_t count)
{
    int32_t sum = 0;
    for (; count > 0; count -= LANES) {
        const mve_pred16_t lanes = vctp8q((uint32_t)count);
        sum = vmladavaq_p_s8(sum, vldrbq_z_s8(values, lanes), vldrbq_z_s8(weights, lanes), lanes);
        values += LANES;
        weights += LANES;
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
    struct work work = {.taps = conv.kernel_h * conv.kernel_w * conv.in_c, .inside = pose_mve_inside_columns(&conv)};
    work.padded = (int32_t)get_padded_taps((uint64_t)work.taps);
    work.reach = work.taps == POSE_MVE_REACH ? work.taps : work.padded;
    work.strips = pose_mve_has_strips(op->params, (uint32_t)conv.in_c);
    work.sums = op->scratch;
    work.groups = (struct pose_mve_group *)(void *)(work.sums + SUM_PIXELS * 2u * ROWS);
    work.tile = (int8_t *)work.groups + get_group_bytes((uint32_t)conv.tile_rows);
    work.windows = work.tile + (size_t)work.padded * (size_t)conv.tile_rows;
    const size_t in_bytes = (size_t)conv.in_h * (size_t)conv.in_w * (size_t)conv.in_c;
    const size_t out_bytes = (size_t)conv.out_h * (size_t)conv.out_w * (size_t)conv.out_c;
    for (work.first_channel = 0; work.first_channel < conv.out_c; work.first_channel += conv.tile_rows) {
        work.channels = smaller(conv.out_c - work.first_channel, conv.tile_rows);
        arrange_tile(&conv, &work);
        for (int32_t batch = 0; batch < conv.batches; batch++) {
            (work.strips ? convolve_strips : convolve_windows)(&conv, &work, conv.in + (size_t)batch * in_bytes,
                                                               conv.out + (size_t)batch * out_bytes);
        }
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_CONV_2D, POSE_KERNEL_ROWS, check, run);
