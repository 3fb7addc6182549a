/* CONV_2D, int8, with Helium. Same bits as the portable kernel.
 *
 * Output pixels are taken in blocks, output channels in groups of eight. Four rows of weights at a time (every other
 * channel of the group, see requantize.h) are copied so that one pointer walks them, 16 taps of each row in turn, the
 * last taps filled up with zeros; they then meet the block's pixels two by two: six vector loads and eight VMLADAVA
 * for 128 products. The sums go to memory, and a second loop with the group's constants in registers requantises them.
 * Pointwise windows are read where they are, others are gathered once per block. A vector of taps may reach past its
 * pixel, where it meets zeros; pixels whose vectors would reach past the picture are gathered too. */
#include <string.h>

#include "kernels/grouped.h"
#include "kernels/mve/copy.h"
#include "kernels/mve/requantize.h"

#define LANES 16
#define ROWS 4
#define SUM_PIXELS 128u      /* most pixels of a block, even */
#define GATHERED_PIXELS 64u  /* of them when windows are gathered, */
#define WINDOWS_BYTES 32768u /* whose bytes are no more than this, unless two windows are larger */

static uint64_t get_padded_taps(uint64_t taps)
{
    return (taps + LANES - 1u) / LANES * LANES;
}

/* Pixels of a block of gathered windows: an even number from 2 to GATHERED_PIXELS. */
static uint32_t get_gathered_pixels(uint64_t padded_taps)
{
    const uint32_t fit = (uint32_t)(WINDOWS_BYTES / padded_taps) & ~1u;
    return fit < 2u ? 2u : (fit > GATHERED_PIXELS ? GATHERED_PIXELS : fit);
}

/* Both halves' sums, four rows of weights, the gathered windows. */
static uint64_t get_scratch_bytes(uint64_t taps)
{
    const uint64_t padded = get_padded_taps(taps);
    return SUM_PIXELS * 2u * ROWS * sizeof(int32_t) + padded * ROWS + padded * get_gathered_pixels(padded);
}

static int check(const struct pose_op *op)
{
    const int status = pose_conv_check(op, false);
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_conv_params *p = op->params;
    if (pose_conv_groups(p) > 1u) {
        return pose_check_scratch(op, pose_grouped_scratch_bytes(op));
    }
    return pose_check_scratch(op, get_scratch_bytes((uint64_t)p->kernel_h * p->kernel_w * op->in[0].tensor->dims[3]));
}

struct work {
    int32_t taps, padded, gathered_pixels;
    int32_t *sums; /* [2][SUM_PIXELS][ROWS] */
    int8_t *weights, *windows;
};

/* Copies one window, zero points where it leaves the picture; the fill-up behind it may stay what it is. */
static void gather_window(const struct pose_conv *conv, const int8_t *picture, int32_t top, int32_t left, int8_t *window)
{
    const size_t pixel_bytes = (size_t)conv->in_c;
    const size_t row_bytes = (size_t)conv->kernel_w * pixel_bytes;
    const bool columns_inside = left >= 0 && left + conv->kernel_w <= conv->in_w && conv->dilation_w == 1;
    if (columns_inside && top >= 0 && top + (conv->kernel_h - 1) * conv->dilation_h < conv->in_h) {
        const int8_t *from = pose_conv_pixel(conv, picture, top, left, NULL);
        const size_t step = (size_t)conv->dilation_h * (size_t)conv->in_w * pixel_bytes;
        for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
            pose_mve_copy(window, from, row_bytes);
            from += step;
            window += row_bytes;
        }
        return;
    }
    for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
        const int32_t row = top + ky * conv->dilation_h;
        if (row < 0 || row >= conv->in_h) {
            pose_mve_fill(window, (uint8_t)conv->in_zero_point, row_bytes);
            window += row_bytes;
        } else if (columns_inside) {
            pose_mve_copy(window, pose_conv_pixel(conv, picture, row, left, NULL), row_bytes);
            window += row_bytes;
        } else {
            for (int32_t kx = 0; kx < conv->kernel_w; kx++) {
                const int8_t *pixel = pose_conv_pixel(conv, picture, row, left + kx * conv->dilation_w, NULL);
                if (pixel == NULL) {
                    pose_mve_fill(window, (uint8_t)conv->in_zero_point, pixel_bytes);
                } else {
                    pose_mve_copy(window, pixel, pixel_bytes);
                }
                window += pixel_bytes;
            }
        }
    }
}

/* Rows channel, channel + 2, + 4, + 6 as [taps / 16][4][16], zeros behind the last tap. A row that does not exist gives
 * sums that are not stored: any other row serves. */
static void arrange_weights(const struct pose_conv *conv, const struct work *work, int32_t channel)
{
    const int8_t *rows[ROWS];
    for (int32_t i = 0; i < ROWS; i++) {
        const int32_t row = channel + 2 * i < conv->out_c ? channel + 2 * i : 0;
        rows[i] = conv->weights + (size_t)row * (size_t)conv->weight_stride;
    }
    int8_t *to = work->weights;
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
                   : [vectors] "r"(work->taps / LANES)
                   : "lr", "q0", "q1", "q2", "q3", "cc", "memory");
    if (work->padded != work->taps) {
        const mve_pred16_t real = vctp8q((uint32_t)(work->taps % LANES));
        for (int32_t i = 0; i < ROWS; i++) {
            vst1q_s8(to + i * LANES, vldrbq_z_s8(rows[i], real));
        }
    }
}

/* Where the pixels of a block are. */
struct pixels {
    const int8_t *first;
    int32_t stride, count;
};

/* What sum_pairs() reloads for every pair of pixels, in the order of the registers. */
struct pair_loop {
    int32_t step;        /* r0: from the end of one pair's first pixel to the next pair's */
    const int8_t *end;   /* r4: of the block */
    const int8_t *weights; /* r5 */
    int32_t vectors;     /* r7: of taps */
};

/* Sums of four rows at all pixels, two pixels at a time; count is even. Eight sums in the even registers, which
 * VMLADAV demands, everything else in the odd ones. */
static __attribute__((noinline)) void sum_pairs(const struct pixels *pixels, const int8_t *weights, int32_t vectors, int32_t *sums)
{
    const struct pair_loop loop = {
        .step = 2 * pixels->stride - vectors * LANES,
        .end = pixels->first + pixels->count * pixels->stride,
        .weights = weights,
        .vectors = vectors,
    };
    register const int8_t *even __asm("r1") = pixels->first;
    register const int8_t *odd __asm("r3") = pixels->first + pixels->stride;
    register int32_t *target __asm("r9") = sums;
    register const struct pair_loop *again __asm("r11") = &loop;
    __asm volatile("ldm r11, {r0, r4, r5, r7}\n"
                   "1:\n"
                   "vldrb.8 q0, [r1], #16\n"
                   "vldrb.8 q2, [r5], #16\n"
                   "vldrb.8 q1, [r3], #16\n"
                   "vmladav.s8 r0, q0, q2\n"
                   "vldrb.8 q3, [r5], #16\n"
                   "vmladav.s8 r8, q1, q2\n"
                   "vldrb.8 q2, [r5], #16\n"
                   "vmladav.s8 r2, q0, q3\n"
                   "vmladav.s8 r10, q1, q3\n"
                   "vldrb.8 q3, [r5], #16\n"
                   "vmladav.s8 r4, q0, q2\n"
                   "vmladav.s8 r12, q1, q2\n"
                   "vmladav.s8 r6, q0, q3\n"
                   "vmladav.s8 lr, q1, q3\n"
                   "subs r7, #1\n"
                   "beq 3f\n"
                   "2:\n"
                   "vldrb.8 q0, [r1], #16\n"
                   "vldrb.8 q2, [r5], #16\n"
                   "vldrb.8 q1, [r3], #16\n"
                   "vmladava.s8 r0, q0, q2\n"
                   "vldrb.8 q3, [r5], #16\n"
                   "vmladava.s8 r8, q1, q2\n"
                   "vldrb.8 q2, [r5], #16\n"
                   "vmladava.s8 r2, q0, q3\n"
                   "vmladava.s8 r10, q1, q3\n"
                   "vldrb.8 q3, [r5], #16\n"
                   "vmladava.s8 r4, q0, q2\n"
                   "vmladava.s8 r12, q1, q2\n"
                   "vmladava.s8 r6, q0, q3\n"
                   "vmladava.s8 lr, q1, q3\n"
                   "subs r7, #1\n"
                   "bne 2b\n"
                   "3:\n"
                   "stmia r9!, {r0, r2, r4, r6}\n"
                   "stmia r9!, {r8, r10, r12, lr}\n"
                   "ldm r11, {r0, r4, r5, r7}\n"
                   "add r1, r0\n"
                   "add r3, r0\n"
                   "cmp r1, r4\n"
                   "bne 1b\n"
                   : "+r"(even), "+r"(odd), "+r"(target)
                   : "r"(again), "m"(loop)
                   : "r0", "r2", "r4", "r5", "r6", "r7", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3", "cc", "memory");
}

#define SUM_ROW(row, even_sum, odd_sum)               \
    "vldrb.8 q4, [%[weights], #" #row " * 16]\n"      \
    "vldrb.8 q5, [%[weights], #" #row " * 16 + 64]\n" \
    "vmladav.s8 " even_sum ", q0, q4\n"               \
    "vmladav.s8 " odd_sum ", q2, q4\n"                \
    "vmladava.s8 " even_sum ", q1, q5\n"              \
    "vmladava.s8 " odd_sum ", q3, q5\n"

/* The same for windows of two vectors, without a loop over them. */
static __attribute__((noinline)) void sum_two_vectors(const struct pixels *pixels, const int8_t *weights, int32_t *sums)
{
    const int8_t *even = pixels->first;
    const int8_t *odd = pixels->first + pixels->stride;
    int32_t pairs = pixels->count / 2;
    const int32_t step = 2 * pixels->stride;
    __asm volatile("1:\n"
                   "vldrb.8 q0, [%[even]]\n"
                   "vldrb.8 q1, [%[even], #16]\n"
                   "vldrb.8 q2, [%[odd]]\n"
                   "vldrb.8 q3, [%[odd], #16]\n" SUM_ROW(0, "r0", "r8") SUM_ROW(1, "r2", "r10") SUM_ROW(2, "r4", "r12")
                       SUM_ROW(3, "r6", "lr") "stmia %[sums]!, {r0, r2, r4, r6}\n"
                                              "stmia %[sums]!, {r8, r10, r12, lr}\n"
                                              "add %[even], %[step]\n"
                                              "add %[odd], %[step]\n"
                                              "subs %[pairs], #1\n"
                                              "bne 1b\n"
                   : [even] "+r"(even), [odd] "+r"(odd), [sums] "+r"(sums), [pairs] "+r"(pairs)
                   : [weights] "r"(weights), [step] "r"(step)
                   : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3", "q4", "q5", "cc", "memory");
}

/* The same for windows of one vector: four rows of weights stay in registers. */
static __attribute__((noinline)) void sum_short(const struct pixels *pixels, const int8_t *weights, int32_t *sums)
{
    register const int8_t *pixel __asm("r1") = pixels->first;
    register int32_t *target __asm("r9") = sums;
    __asm volatile("vldrb.8 q0, [%[weights]]\n"
                   "vldrb.8 q1, [%[weights], #16]\n"
                   "vldrb.8 q2, [%[weights], #32]\n"
                   "vldrb.8 q3, [%[weights], #48]\n"
                   "dls lr, %[count]\n"
                   "1:\n"
                   "vldrb.8 q4, [r1]\n"
                   "add r1, %[stride]\n"
                   "vmladav.s8 r0, q4, q0\n"
                   "vmladav.s8 r2, q4, q1\n"
                   "vmladav.s8 r4, q4, q2\n"
                   "vmladav.s8 r6, q4, q3\n"
                   "stmia r9!, {r0, r2, r4, r6}\n"
                   "le lr, 1b\n"
                   : "+r"(pixel), "+r"(target)
                   : [weights] "r"(weights), [count] "r"(pixels->count), [stride] "r"(pixels->stride)
                   : "r0", "r2", "r4", "r6", "lr", "q0", "q1", "q2", "q3", "q4", "cc", "memory");
}

/* Requantises a block of whole groups; constants stay in registers. TIES is what makes ties round away from zero. */
#define STORE_BLOCK(name, TIES)                                                                                                   \
    static __attribute__((noinline)) void name(const struct pose_mve_scales *scales, const int32_t *even, const int32_t *odd,     \
                                               int32_t count, int32_t zero_point, int8_t *out, int32_t out_c)                     \
    {                                                                                                                             \
        __asm volatile("vldrw.32 q2, [%[scales]]\n"                                                                               \
                       "vldrw.32 q3, [%[scales], #16]\n"                                                                          \
                       "vldrw.32 q4, [%[scales], #32]\n"                                                                          \
                       "vldrw.32 q5, [%[scales], #48]\n"                                                                          \
                       "vldrw.32 q6, [%[scales], #64]\n"                                                                          \
                       "vldrw.32 q7, [%[scales], #80]\n"                                                                          \
                       "dls lr, %[count]\n"                                                                                       \
                       "1:\n"                                                                                                     \
                       "vldrw.32 q0, [%[even]], #16\n"                                                                            \
                       "vldrw.32 q1, [%[odd]], #16\n"                                                                             \
                       "vadd.i32 q0, q0, q2\n"                                                                                    \
                       "vadd.i32 q1, q1, q3\n"                                                                                    \
                       "vqrdmulh.s32 q0, q0, q4\n"                                                                                \
                       "vqrdmulh.s32 q1, q1, q5\n" TIES "vrshl.s32 q0, q0, q6\n"                                                  \
                       "vrshl.s32 q1, q1, q7\n"                                                                                   \
                       "vqmovnb.s32 q0, q0\n"                                                                                     \
                       "vqmovnt.s32 q0, q1\n"                                                                                     \
                       "vqadd.s16 q0, q0, %[zero_point]\n"                                                                        \
                       "vqmovnb.s16 q0, q0\n"                                                                                     \
                       "vstrb.16 q0, [%[out]]\n"                                                                                  \
                       "add %[out], %[out_c]\n"                                                                                   \
                       "le lr, 1b\n"                                                                                              \
                       : [even] "+r"(even), [odd] "+r"(odd), [out] "+l"(out)                                                      \
                       : [scales] "r"(scales), [count] "r"(count), [zero_point] "r"(zero_point), [out_c] "r"(out_c), [one] "r"(1) \
                       : "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");                                   \
    }
STORE_BLOCK(store_short, "vpt.s32 lt, q0, zr\n vsubt.i32 q0, q0, %[one]\n vpt.s32 lt, q1, zr\n vsubt.i32 q1, q1, %[one]\n")
STORE_BLOCK(store_clamped, "")

static __attribute__((noinline)) void store_any(const struct pose_conv *conv, const struct pose_mve_scales *scales, const int32_t *even,
                                                const int32_t *odd, int32_t count, uint32_t channels, int8_t *out)
{
    for (int32_t p = 0; p < count; p++) {
        pose_mve_store_any(conv, scales, vldrwq_s32(even), vldrwq_s32(odd), channels, out);
        even += ROWS;
        odd += ROWS;
        out += conv->out_c;
    }
}

/* All channels at the block's pixels. `summed` is the even number of pixels to sum, `pixels->count` those to store. */
static void convolve_block(const struct pose_conv *conv, const struct work *work, const struct pixels *pixels, int8_t *out)
{
    const struct pixels summed = {pixels->first, pixels->stride, (pixels->count + 1) & ~1};
    int32_t *const halves[2] = {work->sums, work->sums + SUM_PIXELS * ROWS};
    for (int32_t channel = 0; channel < conv->out_c; channel += POSE_MVE_GROUP) {
        struct pose_mve_scales scales;
        const enum pose_mve_scaling scaling = pose_mve_scaling(conv, pose_mve_fill_scales(conv, channel, &scales));
        for (int32_t half = 0; half < 2; half++) {
            arrange_weights(conv, work, channel + half);
            if (work->padded == LANES) {
                sum_short(&summed, work->weights, halves[half]);
            } else if (work->padded == 2 * LANES) {
                sum_two_vectors(&summed, work->weights, halves[half]);
            } else {
                sum_pairs(&summed, work->weights, work->padded / LANES, halves[half]);
            }
        }
        int8_t *const target = out + channel;
        const int32_t left = conv->out_c - channel;
        if (scaling == POSE_MVE_ANY || left < POSE_MVE_GROUP) {
            const uint32_t channels = (uint32_t)(left < POSE_MVE_GROUP ? left : POSE_MVE_GROUP);
            store_any(conv, &scales, halves[0], halves[1], pixels->count, channels, target);
        } else if (scaling == POSE_MVE_SHORT) {
            store_short(&scales, halves[0], halves[1], pixels->count, conv->out_zero_point, target, conv->out_c);
        } else {
            store_clamped(&scales, halves[0], halves[1], pixels->count, conv->out_zero_point, target, conv->out_c);
        }
    }
}

static void gather_block(const struct pose_conv *conv, const int8_t *picture, const struct work *work, int32_t first, int32_t count)
{
    int32_t y = first / conv->out_w;
    int32_t x = first % conv->out_w;
    for (int32_t p = 0; p < count; p++) {
        gather_window(conv, picture, y * conv->stride_h - conv->pad_top, x * conv->stride_w - conv->pad_left,
                      work->windows + (size_t)p * (size_t)work->padded);
        if (++x == conv->out_w) {
            x = 0;
            y++;
        }
    }
}

/* Pixels from the first on whose windows can be read in the picture itself, an even number. */
static int32_t get_direct_pixels(const struct pose_conv *conv, const struct work *work)
{
    const bool pointwise = conv->kernel_h == 1 && conv->kernel_w == 1 && conv->stride_h == 1 && conv->stride_w == 1 && conv->pad_top == 0 &&
                           conv->pad_left == 0 && conv->in_h == conv->out_h && conv->in_w == conv->out_w;
    const int32_t bytes = conv->in_h * conv->in_w * conv->in_c;
    return pointwise && bytes >= work->padded ? ((bytes - work->padded) / conv->in_c + 1) & ~1 : 0;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
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
    struct work work = {.taps = conv.kernel_h * conv.kernel_w * conv.in_c};
    work.padded = (int32_t)get_padded_taps((uint64_t)work.taps);
    work.gathered_pixels = (int32_t)get_gathered_pixels((uint64_t)work.padded);
    work.sums = op->scratch;
    work.weights = (int8_t *)(work.sums + SUM_PIXELS * 2u * ROWS);
    work.windows = work.weights + (size_t)work.padded * ROWS;
    const int32_t pixels = conv.out_h * conv.out_w;
    const int32_t direct = get_direct_pixels(&conv, &work);
    const int8_t *picture = conv.in;
    int8_t *out = conv.out;
    for (int32_t batch = 0; batch < conv.batches; batch++) {
        for (int32_t first = 0; first < pixels;) {
            struct pixels block;
            if (first < direct) {
                const int32_t count = smaller(direct - first, SUM_PIXELS);
                block = (struct pixels){picture + (size_t)first * (size_t)conv.in_c, conv.in_c, count};
            } else {
                const int32_t count = smaller(pixels - first, work.gathered_pixels);
                block = (struct pixels){work.windows, work.padded, count};
                gather_block(&conv, picture, &work, first, count);
            }
            convolve_block(&conv, &work, &block, out);
            out += (size_t)block.count * (size_t)conv.out_c;
            first += block.count;
        }
        picture += (size_t)conv.in_h * (size_t)conv.in_w * (size_t)conv.in_c;
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_CONV_2D, POSE_KERNEL_ROWS, check, run);
