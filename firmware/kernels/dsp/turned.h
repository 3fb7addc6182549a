/* Rows of pictures turned around, for 3x3 windows channel by channel: a word per column, one byte of it per input row (row
 * modulo 4). A word taken apart by two SXTB16 then meets a column of weights with two SMLAD, and the weights of a channel stay
 * in registers for a whole output row. They are rotated to where the rows are; the row that is not the window's meets zeros. */
#ifndef POSE_KERNELS_DSP_TURNED_H
#define POSE_KERNELS_DSP_TURNED_H

#include "kernels/dsp/intrinsics.h"

#define POSE_TURNED_CHANNELS 4 /* that are turned together */

/* Per rotation, three columns of weights as pairs: bytes 0 and 2 of a word, then bytes 1 and 3. */
struct pose_turned_weights {
    uint32_t pairs[4][3][2];
};

/* Columns that a row of sums reads, a whole number of the loop's turns. */
static inline uint64_t pose_turned_columns(uint64_t out_w, uint32_t stride)
{
    return stride == 1u ? (out_w + 2u + 2u) / 3u * 3u : (out_w + 1u + 1u) / 2u * 4u;
}

/* Sums before the first one of a row, which are of windows that began too early. */
static inline int32_t pose_turned_early(int32_t stride)
{
    return stride == 1 ? 2 : 1;
}

static inline uint32_t pose_turned_pair(int8_t low, int8_t high)
{
    return (uint16_t)low | (uint32_t)high << 16;
}

/* Weights of one channel, `stride` bytes from one window position to the next. */
static inline void pose_turn_weights(const int8_t *weights, int32_t stride, struct pose_turned_weights *turned)
{
    for (int32_t column = 0; column < 3; column++) {
        const int8_t row0 = weights[column * stride];
        const int8_t row1 = weights[(column + 3) * stride];
        const int8_t row2 = weights[(column + 6) * stride];
        const uint32_t outer = pose_turned_pair(row0, row2);
        const uint32_t swapped = pose_turned_pair(row2, row0);
        const uint32_t low = pose_turned_pair(row1, 0);
        const uint32_t high = pose_turned_pair(0, row1);
        turned->pairs[0][column][0] = outer;
        turned->pairs[0][column][1] = low;
        turned->pairs[1][column][0] = high;
        turned->pairs[1][column][1] = outer;
        turned->pairs[2][column][0] = swapped;
        turned->pairs[2][column][1] = high;
        turned->pairs[3][column][0] = low;
        turned->pairs[3][column][1] = swapped;
    }
}

/* Pixels of one row, `step` bytes apart. */
struct pose_turned_source {
    const int8_t *pixels;
    int32_t step;
};

/* Turns `count` pixels of four channels, of two rows that are neighbours: a half word per column and channel. The words of a
 * channel are `row_bytes` long. */
static inline void pose_turn(struct pose_turned_source upper, struct pose_turned_source lower, int32_t count, uint16_t *turned,
                             int32_t row_bytes)
{
    uint16_t *const turned1 = turned + row_bytes / 2;
    uint16_t *const turned2 = turned1 + row_bytes / 2;
    uint16_t *const turned3 = turned2 + row_bytes / 2;
    for (int32_t x = 0; x < count; x++) {
        const uint32_t a = pose_load4(upper.pixels);
        const uint32_t b = pose_load4(lower.pixels);
        const uint32_t even = (a & 0x00FF00FFu) | (b & 0x00FF00FFu) << 8;
        const uint32_t odd = (a >> 8 & 0x00FF00FFu) | (b & 0xFF00FF00u);
        turned[x * 2] = (uint16_t)even;
        turned1[x * 2] = (uint16_t)odd;
        turned2[x * 2] = (uint16_t)(even >> 16);
        turned3[x * 2] = (uint16_t)(odd >> 16);
        upper.pixels += upper.step;
        lower.pixels += lower.step;
    }
}

#if defined(__ARM_FEATURE_DSP)
/* clang-format off */

#define POSE_TURNED_WEIGHTS                  \
    "ldrd %[e0], %[o0], [%[even]]\n\t"       \
    "ldrd %[e1], %[o1], [%[even], #8]\n\t"   \
    "ldrd %[e2], %[o2], [%[even], #16]\n"

#define POSE_TURNED_COLUMN                   \
    "ldr %[even], [%[words]], #4\n\t"        \
    "sxtb16 %[odd], %[even], ror #8\n\t"     \
    "sxtb16 %[even], %[even]\n\t"

#define POSE_TURNED_MEET(sum, column)                                \
    "smlad %[" sum "], %[even], %[e" column "], %[" sum "]\n\t"      \
    "smlad %[" sum "], %[odd], %[o" column "], %[" sum "]\n\t"

#define POSE_TURNED_BEGIN(sum)                                       \
    "smuad %[" sum "], %[even], %[e0]\n\t"                           \
    "smlad %[" sum "], %[odd], %[o0], %[" sum "]\n\t"

/* A column is the last of one window, the middle of the next one and the first of a third. */
#define POSE_TURNED_NEXT(last, middle, first)                        \
    POSE_TURNED_COLUMN POSE_TURNED_MEET(last, "2")                   \
    "str %[" last "], [%[sums]], #4\n\t"                             \
    POSE_TURNED_MEET(middle, "1") POSE_TURNED_BEGIN(first)

/* With a stride of two, the last of one window and the first of the next; then the middle of this. */
#define POSE_TURNED_NEXT_TWO                                         \
    POSE_TURNED_COLUMN POSE_TURNED_MEET("a", "2")                    \
    "str %[a], [%[sums]], #4\n\t"                                    \
    POSE_TURNED_BEGIN("a")                                           \
    POSE_TURNED_COLUMN POSE_TURNED_MEET("a", "1")
/* clang-format on */

#define POSE_TURNED_LOOP(body) POSE_TURNED_WEIGHTS "1:\n\t" body "cmp %[words], %[end]\n\tbne 1b\n\t"

/* Sums, without a bias, of a row of windows: of `columns` columns (pose_turned_columns()). */
static inline void pose_turned_sums(const uint32_t *words, int32_t columns, int32_t stride, const uint32_t (*weights)[2], int32_t *sums)
{
    uint32_t e0, o0, e1, o1, e2, o2, odd;
    int32_t a = 0, b = 0, c;
    const void *even = weights;
    if (stride == 1) {
        __asm__ volatile(POSE_TURNED_LOOP(POSE_TURNED_NEXT("a", "b", "c") POSE_TURNED_NEXT("b", "c", "a") POSE_TURNED_NEXT("c", "a", "b"))
                         : [e0] "=&r"(e0), [o0] "=&r"(o0), [e1] "=&r"(e1), [o1] "=&r"(o1), [e2] "=&r"(e2), [o2] "=&r"(o2), [odd] "=&r"(odd),
                           [even] "+&r"(even), [a] "+&r"(a), [b] "+&r"(b), [c] "=&r"(c), [words] "+&r"(words), [sums] "+&r"(sums)
                         : [end] "r"(words + columns)
                         : "cc", "memory");
    } else {
        __asm__ volatile(POSE_TURNED_LOOP(POSE_TURNED_NEXT_TWO POSE_TURNED_NEXT_TWO)
                         : [e0] "=&r"(e0), [o0] "=&r"(o0), [e1] "=&r"(e1), [o1] "=&r"(o1), [e2] "=&r"(e2), [o2] "=&r"(o2), [odd] "=&r"(odd),
                           [even] "+&r"(even), [a] "+&r"(a), [words] "+&r"(words), [sums] "+&r"(sums)
                         : [end] "r"(words + columns)
                         : "cc", "memory");
    }
}

#else

static inline void pose_turned_sums(const uint32_t *words, int32_t columns, int32_t stride, const uint32_t (*weights)[2], int32_t *sums)
{
    const int32_t early = pose_turned_early(stride);
    for (int32_t x = -early; x * stride + 2 < columns; x++) {
        int32_t sum = 0;
        for (int32_t column = 0; column < 3; column++) {
            const int32_t at = x * stride + column;
            const uint32_t word = at < 0 ? 0u : words[at];
            sum = pose_add_products(pose_even_bytes(word), weights[column][0], sum);
            sum = pose_add_products(pose_odd_bytes(word), weights[column][1], sum);
        }
        *sums++ = sum;
    }
}

#endif

#endif
