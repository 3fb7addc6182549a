/* Pixels turned around for depthwise windows: a block is 2x2 neighbouring pixels of 16 channels, a channel's four values
 * being one word (upper left, upper right, lower left, lower right). Four loads and an interleaving store make one. Any
 * window of up to 4x4 pixels that starts at a block is four words, which one gathering load brings together. */
#ifndef POSE_KERNELS_MVE_DEPTHWISE_BLOCKS_H
#define POSE_KERNELS_MVE_DEPTHWISE_BLOCKS_H

#include <arm_mve.h>
#include <stddef.h>

#define BLOCK_CHANNELS 16
#define BLOCK_BYTES 64

/* Some channels of pixels in rows, and what stands for the pixels around them. */
struct pixels {
    const int8_t *first; /* upper left pixel, first channel */
    const int8_t *around; /* BLOCK_CHANNELS values */
    int32_t height, width;
    int32_t step;     /* bytes from a pixel to the next */
    int32_t channels; /* 1 to BLOCK_CHANNELS */
};

/* Two neighbouring rows of them; a row outside repeats what is around. */
struct row_pair {
    const int8_t *rows[2];
    int32_t steps[2];
};

static inline struct row_pair find_rows(const struct pixels *pixels, int32_t row)
{
    struct row_pair pair;
    for (int32_t i = 0; i < 2; i++, row++) {
        const bool inside = row >= 0 && row < pixels->height;
        pair.rows[i] = inside ? pixels->first + (size_t)row * (size_t)pixels->width * (size_t)pixels->step : pixels->around;
        pair.steps[i] = inside ? pixels->step : 0;
    }
    return pair;
}

/* `blocks` blocks from four pixels each; those of the next are two pixels on. Returns where the next block goes. */
static inline int8_t *turn_blocks(const int8_t *const from[4], const struct row_pair *pair, int32_t blocks, int32_t channels, int8_t *to)
{
    const int8_t *upper_left = from[0];
    const int8_t *upper_right = from[1];
    const int8_t *lower_left = from[2];
    const int8_t *lower_right = from[3];
    __asm volatile("vctp.8 %[channels]\n"
                   "wls lr, %[blocks], 2f\n"
                   "1: vpstttt\n"
                   "vldrbt.u8 q0, [%[upper_left]]\n"
                   "vldrbt.u8 q1, [%[upper_right]]\n"
                   "vldrbt.u8 q2, [%[lower_left]]\n"
                   "vldrbt.u8 q3, [%[lower_right]]\n"
                   "add %[upper_left], %[upper]\n"
                   "add %[upper_right], %[upper]\n"
                   "vst40.8 {q0, q1, q2, q3}, [%[to]]\n"
                   "vst41.8 {q0, q1, q2, q3}, [%[to]]\n"
                   "add %[lower_left], %[lower]\n"
                   "add %[lower_right], %[lower]\n"
                   "vst42.8 {q0, q1, q2, q3}, [%[to]]\n"
                   "vst43.8 {q0, q1, q2, q3}, [%[to]]!\n"
                   "le lr, 1b\n"
                   "2:\n"
                   : [upper_left] "+r"(upper_left), [upper_right] "+r"(upper_right), [lower_left] "+r"(lower_left),
                     [lower_right] "+r"(lower_right), [to] "+r"(to)
                   : [upper] "r"(2 * pair->steps[0]), [lower] "r"(2 * pair->steps[1]), [blocks] "r"(blocks), [channels] "r"(channels)
                   : "q0", "q1", "q2", "q3", "lr", "cc", "memory");
    return to;
}

/* One block, of which some pixels may be outside. */
static inline int8_t *turn_edge(const struct pixels *pixels, const struct row_pair *pair, int32_t column, int8_t *to)
{
    const bool left = column >= 0 && column < pixels->width;
    const bool right = column + 1 >= 0 && column + 1 < pixels->width;
    const int8_t *const upper = pair->rows[0] + column * pair->steps[0];
    const int8_t *const lower = pair->rows[1] + column * pair->steps[1];
    __asm volatile("vctp.8 %[channels]\n"
                   "vpstttt\n"
                   "vldrbt.u8 q0, [%[upper_left]]\n"
                   "vldrbt.u8 q1, [%[upper_right]]\n"
                   "vldrbt.u8 q2, [%[lower_left]]\n"
                   "vldrbt.u8 q3, [%[lower_right]]\n"
                   "vst40.8 {q0, q1, q2, q3}, [%[to]]\n"
                   "vst41.8 {q0, q1, q2, q3}, [%[to]]\n"
                   "vst42.8 {q0, q1, q2, q3}, [%[to]]\n"
                   "vst43.8 {q0, q1, q2, q3}, [%[to]]!\n"
                   : [to] "+r"(to)
                   : [upper_left] "r"(left ? upper : pixels->around), [upper_right] "r"(right ? upper + pair->steps[0] : pixels->around),
                     [lower_left] "r"(left ? lower : pixels->around), [lower_right] "r"(right ? lower + pair->steps[1] : pixels->around),
                     [channels] "r"(pixels->channels)
                   : "q0", "q1", "q2", "q3", "cc", "memory");
    return to;
}

/* Blocks of the rows `row` and `row` + 1, from column `left` on. */
static inline void turn_rows(const struct pixels *pixels, int32_t row, int32_t left, int32_t blocks, int8_t *to)
{
    const struct row_pair pair = find_rows(pixels, row);
    const int8_t *const end = to + blocks * BLOCK_BYTES;
    int32_t column = left;
    for (; column < 0 && to != end; column += 2) {
        to = turn_edge(pixels, &pair, column, to);
    }
    const int32_t room = (int32_t)(end - to) / BLOCK_BYTES;
    const int32_t inside = column < pixels->width ? (pixels->width - column) / 2 : 0;
    const int32_t count = inside < room ? inside : room;
    const int8_t *const upper = pair.rows[0] + column * pair.steps[0];
    const int8_t *const lower = pair.rows[1] + column * pair.steps[1];
    const int8_t *const from[4] = {upper, upper + pair.steps[0], lower, lower + pair.steps[1]};
    to = turn_blocks(from, &pair, count, pixels->channels, to);
    for (column += 2 * count; to != end; column += 2) {
        to = turn_edge(pixels, &pair, column, to);
    }
}

#endif
