/* Pixels turned around for depthwise windows: a block is 2x2 neighbouring pixels of 16 channels, a channel's four values
 * being one word (upper left, upper right, lower left, lower right). Four loads and an interleaving store make one. Any
 * window of up to 4x4 pixels that starts at a block is four words, which one gathering load brings together. */
#ifndef POSE_KERNELS_MVE_DEPTHWISE_BLOCKS_H
#define POSE_KERNELS_MVE_DEPTHWISE_BLOCKS_H

#include <arm_mve.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_CHANNELS 16
#define BLOCK_BYTES 64

/* Some channels of pixels in rows, and what stands for the pixels around them. */
struct pixels {
    const int8_t *first;  /* upper left pixel, first channel */
    const int8_t *around; /* BLOCK_CHANNELS values */
    int32_t height, width;
    int32_t step;     /* bytes from a pixel to the next */
    int32_t channels; /* 1 to BLOCK_CHANNELS */
};

/* A row of blocks: how many lie outside the picture, half outside, inside, half outside, and outside again. */
struct span {
    int32_t before, left, inside, right, after;
    int32_t column; /* of the first pixel inside */
};

/* `blocks` blocks from column `left` on. */
static inline struct span find_span(int32_t width, int32_t left, int32_t blocks)
{
    const int32_t outside = left < 0 ? -left : 0;
    struct span span = {.before = outside / 2, .left = outside % 2, .column = left < 0 ? 0 : left};
    span.before = span.before < blocks ? span.before : blocks;
    span.left = span.before + span.left <= blocks ? span.left : 0;
    const int32_t room = blocks - span.before - span.left;
    const int32_t pixels = width - span.column - span.left;
    span.inside = pixels / 2 < room ? (pixels > 0 ? pixels / 2 : 0) : room;
    span.right = pixels > 0 && span.inside < room ? pixels % 2 : 0;
    span.after = room - span.inside - span.right;
    return span;
}

#define STORE_BLOCK                       \
    "vst40.8 {q0, q1, q2, q3}, [%[to]]\n" \
    "vst41.8 {q0, q1, q2, q3}, [%[to]]\n" \
    "vst42.8 {q0, q1, q2, q3}, [%[to]]\n" \
    "vst43.8 {q0, q1, q2, q3}, [%[to]]!\n"

/* One block. Returns where the next one goes. */
static inline int8_t *turn_block(const int8_t *upper_left, const int8_t *upper_right, const int8_t *lower_left, const int8_t *lower_right,
                                 int32_t channels, int8_t *to)
{
    __asm volatile("vctp.8 %[channels]\n"
                   "vpstttt\n"
                   "vldrbt.u8 q0, [%[upper_left]]\n"
                   "vldrbt.u8 q1, [%[upper_right]]\n"
                   "vldrbt.u8 q2, [%[lower_left]]\n"
                   "vldrbt.u8 q3, [%[lower_right]]\n" STORE_BLOCK
                   : [to] "+r"(to)
                   : [upper_left] "r"(upper_left), [upper_right] "r"(upper_right), [lower_left] "r"(lower_left),
                     [lower_right] "r"(lower_right), [channels] "r"(channels)
                   : "q0", "q1", "q2", "q3", "cc", "memory");
    return to;
}

/* `blocks` blocks of two rows, from the given pixels on, a row's next pixel being `*_step` bytes ahead. */
static inline int8_t *turn_blocks(const int8_t *upper_left, int32_t upper_step, const int8_t *lower_left, int32_t lower_step,
                                  int32_t blocks, int32_t channels, int8_t *to)
{
    const int8_t *upper_right = upper_left + upper_step;
    const int8_t *lower_right = lower_left + lower_step;
    __asm volatile("vctp.8 %[channels]\n"
                   "wls lr, %[blocks], 2f\n"
                   "1: vpstttt\n"
                   "vldrbt.u8 q0, [%[upper_left]]\n"
                   "vldrbt.u8 q1, [%[upper_right]]\n"
                   "vldrbt.u8 q2, [%[lower_left]]\n"
                   "vldrbt.u8 q3, [%[lower_right]]\n"
                   "add %[upper_left], %[upper]\n"
                   "add %[upper_right], %[upper]\n"
                   "add %[lower_left], %[lower]\n"
                   "add %[lower_right], %[lower]\n" STORE_BLOCK "le lr, 1b\n"
                   "2:\n"
                   : [upper_left] "+r"(upper_left), [upper_right] "+r"(upper_right), [lower_left] "+r"(lower_left),
                     [lower_right] "+r"(lower_right), [to] "+r"(to)
                   : [upper] "r"(2 * upper_step), [lower] "r"(2 * lower_step), [blocks] "r"(blocks), [channels] "r"(channels)
                   : "q0", "q1", "q2", "q3", "lr", "cc", "memory");
    return to;
}

/* `count` rows of blocks, from the picture's row `row` on, to places `pitch` bytes apart; rows outside are as what is around. */
static __attribute__((noinline)) void turn_rows(const struct pixels *pixels, const struct span *span, int32_t row, int32_t count,
                                                int8_t *to, int32_t pitch)
{
    const int8_t *const around = pixels->around;
    const int32_t channels = pixels->channels;
    const int32_t row_bytes = pixels->width * pixels->step;
    for (; count != 0; count--, row += 2, to += pitch) {
        const bool has_upper = (uint32_t)row < (uint32_t)pixels->height;
        const bool has_lower = (uint32_t)(row + 1) < (uint32_t)pixels->height;
        const int32_t upper_step = has_upper ? pixels->step : 0;
        const int32_t lower_step = has_lower ? pixels->step : 0;
        const int32_t first = span->column * pixels->step;
        const int8_t *upper = has_upper ? pixels->first + row * row_bytes + first : around;
        const int8_t *lower = has_lower ? pixels->first + (row + 1) * row_bytes + first : around;
        int8_t *next = to;
        if (span->before != 0) {
            next = turn_blocks(around, 0, around, 0, span->before, channels, next);
        }
        if (span->left != 0) {
            next = turn_block(around, upper, around, lower, channels, next);
            upper += upper_step;
            lower += lower_step;
        }
        next = turn_blocks(upper, upper_step, lower, lower_step, span->inside, channels, next);
        if (span->right != 0) {
            upper += 2 * span->inside * upper_step;
            lower += 2 * span->inside * lower_step;
            next = turn_block(upper, around, lower, around, channels, next);
        }
        if (span->after != 0) {
            (void)turn_blocks(around, 0, around, 0, span->after, channels, next);
        }
    }
}

#endif
