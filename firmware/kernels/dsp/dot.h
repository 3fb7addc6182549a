/* A row of weights and several windows at once, all widened to pairs of 16 bits (pose_widen4()): dot products, and stored
 * values.
 *
 * A weight is loaded once for all windows: what is left per four taps and window is one double-word load and two SMLAD.
 * Seven sums, four pairs and three pointers are all 14 registers of the core, which no compiler's allocation finds, so that
 * the loops are written out. Windows are interleaved: group g of four taps of window p is blocks[g * windows + p]. */
#ifndef POSE_KERNELS_DSP_DOT_H
#define POSE_KERNELS_DSP_DOT_H

#include "kernels/dsp/requantize.h"

#define POSE_MANY 7 /* windows of a large block, */
#define POSE_SOME 4 /* and of a small one */

#if defined(__ARM_FEATURE_DSP)
/* clang-format off */

#define POSE_LOAD_WEIGHTS "ldrd %[even], %[odd], [%[weights]], #8\n\t"

/* Four taps of one window, on top of another sum. */
#define POSE_MEET_ON(sum, before)                          \
    "ldrd %[low], %[high], [%[blocks]], #8\n\t"            \
    "smlad %[" sum "], %[low], %[even], %[" before "]\n\t" \
    "smlad %[" sum "], %[high], %[odd], %[" sum "]\n\t"
#define POSE_MEET(sum) POSE_MEET_ON(sum, sum)

/* The first group starts from the bias, which is where the last sum will be. The others are a loop of four, which is entered
 * where what is over a multiple of four begins. */
#define POSE_DOT_LOOP(first, group)      \
    POSE_LOAD_WEIGHTS first              \
    "sub %[low], %[end], %[weights]\n\t" \
    "ubfx %[low], %[low], #3, #2\n\t"    \
    "tbb [pc, %[low]]\n"                 \
    "10:\n\t"                            \
    ".byte (24f - 10b) / 2\n\t"          \
    ".byte (23f - 10b) / 2\n\t"          \
    ".byte (22f - 10b) / 2\n\t"          \
    ".byte (21f - 10b) / 2\n"            \
    "20:\n\t"                            \
    POSE_LOAD_WEIGHTS group "21:\n\t"    \
    POSE_LOAD_WEIGHTS group "22:\n\t"    \
    POSE_LOAD_WEIGHTS group "23:\n\t"    \
    POSE_LOAD_WEIGHTS group "24:\n\t"    \
    "cmp %[weights], %[end]\n\t"         \
    "bne 20b\n\t"

#define POSE_FIRST_OF_MANY                                                                     \
    POSE_MEET_ON("s0", "s6") POSE_MEET_ON("s1", "s6") POSE_MEET_ON("s2", "s6")                 \
    POSE_MEET_ON("s3", "s6") POSE_MEET_ON("s4", "s6") POSE_MEET_ON("s5", "s6") POSE_MEET("s6")
#define POSE_GROUP_OF_MANY                               \
    POSE_MEET("s0") POSE_MEET("s1") POSE_MEET("s2")      \
    POSE_MEET("s3") POSE_MEET("s4") POSE_MEET("s5") POSE_MEET("s6")
#define POSE_FIRST_OF_SOME POSE_MEET_ON("s0", "s3") POSE_MEET_ON("s1", "s3") POSE_MEET_ON("s2", "s3") POSE_MEET("s3")
#define POSE_GROUP_OF_SOME POSE_MEET("s0") POSE_MEET("s1") POSE_MEET("s2") POSE_MEET("s3")

/* The channel's scale follows its weights; the registers of the loop hold what is left: multiplier in even, offset in odd,
 * right in low, the target in blocks and its pitch in end. */
#define POSE_LOAD_SCALE                            \
    "ldrd %[even], %[odd], [%[weights], #4]\n\t"   \
    "ldr %[low], [%[weights], #12]\n\t"            \
    "ldr %[blocks], %[out]\n\t"                    \
    "ldr %[end], %[pitch]\n\t"

/* pose_short_output(). */
#define POSE_STORE(sum, place)                                       \
    "lsl %[" sum "], %[" sum "], #1\n\t"                             \
    "add %[high], %[odd], %[" sum "], asr #31\n\t"                   \
    "smmlar %[" sum "], %[" sum "], %[even], %[high]\n\t"            \
    "asr %[" sum "], %[" sum "], %[low]\n\t"                         \
    "ssat %[" sum "], #8, %[" sum "]\n\t"                            \
    "strb %[" sum "], [%[blocks]" place "]\n\t"
#define POSE_STEP "add %[blocks], %[end]\n\t"
#define POSE_STORE_MANY                                                                                     \
    POSE_STORE("s0", "") POSE_STORE("s1", ", %[end]") POSE_STORE("s2", ", %[end], lsl #1")                  \
    POSE_STORE("s4", ", %[end], lsl #2") POSE_STEP POSE_STORE("s3", ", %[end], lsl #1")                     \
    POSE_STORE("s5", ", %[end], lsl #2") POSE_STEP POSE_STORE("s6", ", %[end], lsl #2")
#define POSE_STORE_SOME                                                                                     \
    POSE_STORE("s0", "") POSE_STORE("s1", ", %[end]") POSE_STORE("s2", ", %[end], lsl #1")                  \
    POSE_STEP POSE_STORE("s3", ", %[end], lsl #1")
/* clang-format on */

/* Sums of POSE_MANY windows; `groups` of four taps, at least one. */
static inline __attribute__((always_inline)) void pose_dot_many(int32_t *sums, const uint64_t *blocks, const uint64_t *weights,
                                                                int32_t groups, int32_t bias)
{
    uint32_t even, odd, low, high;
    int32_t s0, s1, s2, s3, s4, s5, s6 = bias;
    __asm__ volatile(
        POSE_DOT_LOOP(POSE_FIRST_OF_MANY, POSE_GROUP_OF_MANY)
        : [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3), [s4] "=&r"(s4), [s5] "=&r"(s5), [s6] "+&r"(s6),
          [even] "=&r"(even), [odd] "=&r"(odd), [low] "=&r"(low), [high] "=&r"(high), [blocks] "+&r"(blocks), [weights] "+&r"(weights)
        : [end] "r"(weights + groups)
        : "cc", "memory");
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
    sums[4] = s4;
    sums[5] = s5;
    sums[6] = s6;
}

/* The same of POSE_SOME windows. */
static inline __attribute__((always_inline)) void pose_dot_some(int32_t *sums, const uint64_t *blocks, const uint64_t *weights,
                                                                int32_t groups, int32_t bias)
{
    uint32_t even, odd, low, high;
    int32_t s0, s1, s2, s3 = bias;
    __asm__ volatile(POSE_DOT_LOOP(POSE_FIRST_OF_SOME, POSE_GROUP_OF_SOME)
                     : [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "+&r"(s3), [even] "=&r"(even), [odd] "=&r"(odd),
                       [low] "=&r"(low), [high] "=&r"(high), [blocks] "+&r"(blocks), [weights] "+&r"(weights)
                     : [end] "r"(weights + groups)
                     : "cc", "memory");
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* One channel of POSE_MANY pixels, to `out` and places `pitch` bytes apart; its weights end where its scale is. Returns the
 * next channel's weights. */
static inline __attribute__((always_inline)) const uint64_t *pose_row_many(const uint64_t *blocks, const uint64_t *weights,
                                                                           const struct pose_short_scale *scale, int8_t *out, int32_t pitch)
{
    uint32_t even, odd, low, high;
    int32_t s0, s1, s2, s3, s4, s5, s6 = scale->bias;
    const void *end = scale;
    __asm__ volatile(POSE_DOT_LOOP(POSE_FIRST_OF_MANY, POSE_GROUP_OF_MANY) POSE_LOAD_SCALE POSE_STORE_MANY
                     : [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3), [s4] "=&r"(s4), [s5] "=&r"(s5), [s6] "+&r"(s6),
                       [even] "=&r"(even), [odd] "=&r"(odd), [low] "=&r"(low), [high] "=&r"(high), [blocks] "+&r"(blocks),
                       [weights] "+&r"(weights), [end] "+&r"(end)
                     : [out] "m"(out), [pitch] "m"(pitch)
                     : "cc", "memory");
    return weights + sizeof *scale / sizeof *weights;
}

/* The same of POSE_SOME. */
static inline __attribute__((always_inline)) const uint64_t *pose_row_some(const uint64_t *blocks, const uint64_t *weights,
                                                                           const struct pose_short_scale *scale, int8_t *out, int32_t pitch)
{
    uint32_t even, odd, low, high;
    int32_t s0, s1, s2, s3 = scale->bias;
    const void *end = scale;
    __asm__ volatile(POSE_DOT_LOOP(POSE_FIRST_OF_SOME, POSE_GROUP_OF_SOME) POSE_LOAD_SCALE POSE_STORE_SOME
                     : [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "+&r"(s3), [even] "=&r"(even), [odd] "=&r"(odd),
                       [low] "=&r"(low), [high] "=&r"(high), [blocks] "+&r"(blocks), [weights] "+&r"(weights), [end] "+&r"(end)
                     : [out] "m"(out), [pitch] "m"(pitch)
                     : "cc", "memory");
    return weights + sizeof *scale / sizeof *weights;
}

#else

static inline void pose_dot_windows(int32_t *sums, int32_t windows, const uint64_t *blocks, const uint64_t *weights, int32_t groups,
                                    int32_t bias)
{
    for (int32_t p = 0; p < windows; p++) {
        sums[p] = bias;
    }
    for (int32_t g = 0; g < groups; g++) {
        const uint32_t even = (uint32_t)weights[g];
        const uint32_t odd = (uint32_t)(weights[g] >> 32);
        for (int32_t p = 0; p < windows; p++) {
            const uint64_t taps = *blocks++;
            sums[p] = pose_add_products((uint32_t)(taps >> 32), odd, pose_add_products((uint32_t)taps, even, sums[p]));
        }
    }
}

static inline void pose_dot_many(int32_t *sums, const uint64_t *blocks, const uint64_t *weights, int32_t groups, int32_t bias)
{
    pose_dot_windows(sums, POSE_MANY, blocks, weights, groups, bias);
}

static inline void pose_dot_some(int32_t *sums, const uint64_t *blocks, const uint64_t *weights, int32_t groups, int32_t bias)
{
    pose_dot_windows(sums, POSE_SOME, blocks, weights, groups, bias);
}

static inline const uint64_t *pose_row_windows(int32_t windows, const uint64_t *blocks, const uint64_t *weights,
                                               const struct pose_short_scale *scale, int8_t *out, int32_t pitch)
{
    int32_t sums[POSE_MANY];
    pose_dot_windows(sums, windows, blocks, weights, (int32_t)((const uint64_t *)(const void *)scale - weights), scale->bias);
    for (int32_t p = 0; p < windows; p++) {
        out[p * pitch] = pose_short_output(sums[p], scale->multiplier, scale->offset, scale->right);
    }
    return (const void *)(scale + 1);
}

static inline const uint64_t *pose_row_many(const uint64_t *blocks, const uint64_t *weights, const struct pose_short_scale *scale,
                                            int8_t *out, int32_t pitch)
{
    return pose_row_windows(POSE_MANY, blocks, weights, scale, out, pitch);
}

static inline const uint64_t *pose_row_some(const uint64_t *blocks, const uint64_t *weights, const struct pose_short_scale *scale,
                                            int8_t *out, int32_t pitch)
{
    return pose_row_windows(POSE_SOME, blocks, weights, scale, out, pitch);
}

#endif

/* Of a single window. */
static inline int32_t pose_dot_one(const uint64_t *blocks, const uint64_t *weights, int32_t groups, int32_t bias)
{
    int32_t sum = bias;
    for (const uint64_t *const end = weights + groups; weights != end;) {
        uint32_t even, odd, even_taps, odd_taps;
        weights = pose_load_pairs(weights, &even, &odd);
        blocks = pose_load_pairs(blocks, &even_taps, &odd_taps);
        sum = pose_add_products(odd_taps, odd, pose_add_products(even_taps, even, sum));
    }
    return sum;
}

static inline const uint64_t *pose_row_one(const uint64_t *blocks, const uint64_t *weights, const struct pose_short_scale *scale,
                                           int8_t *out)
{
    const int32_t sum = pose_dot_one(blocks, weights, (int32_t)((const uint64_t *)(const void *)scale - weights), scale->bias);
    *out = pose_short_output(sum, scale->multiplier, scale->offset, scale->right);
    return (const void *)(scale + 1);
}

#endif
