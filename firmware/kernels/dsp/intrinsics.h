/* The Armv7E-M / Armv8-M DSP instructions the kernels use, and what they do in portable C, so that host builds with
 * sanitizers run the same kernels. A pair is two int16 in one word, the lower one first. */
#ifndef POSE_KERNELS_DSP_INTRINSICS_H
#define POSE_KERNELS_DSP_INTRINSICS_H

#include <stdint.h>
#include <string.h>

/* Four bytes from any address (one LDR). */
static inline uint32_t pose_load4(const int8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>

/* Bytes 0 and 2 as a pair. */
static inline uint32_t pose_even_bytes(uint32_t word)
{
    return (uint32_t)__sxtb16((int8x4_t)word);
}

/* Bytes 1 and 3 as a pair. */
static inline uint32_t pose_odd_bytes(uint32_t word)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
}

/* sum + a.low * b.low + a.high * b.high, wrapping. */
static inline int32_t pose_add_products(uint32_t a, uint32_t b, int32_t sum)
{
    return __smlad((int16x2_t)a, (int16x2_t)b, sum);
}

/* sum + a.low * b.low, wrapping. */
static inline int32_t pose_add_low_product(uint32_t a, uint32_t b, int32_t sum)
{
    return __smlabb((int32_t)a, (int32_t)b, sum);
}

/* sum + a.high * b.high, wrapping. */
static inline int32_t pose_add_high_product(uint32_t a, uint32_t b, int32_t sum)
{
    return __smlatt((int32_t)a, (int32_t)b, sum);
}

/* sum + ((a * b + 2^31) >> 32), wrapping. */
static inline int32_t pose_add_high_word(int32_t a, int32_t b, int32_t sum)
{
    int32_t high;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(high) : "r"(a), "r"(b), "r"(sum));
    return high;
}

/* a, less 1 where b is negative, wrapping (one ADD; compilers make two instructions of it). */
static inline int32_t pose_add_sign(int32_t a, int32_t b)
{
    int32_t sum;
    __asm__("add %0, %1, %2, asr #31" : "=r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* A pointer moves on (compilers would rather keep every place that it comes to, for which there are no registers). */
static inline int8_t *pose_step(int8_t *from, int32_t bytes)
{
    __asm__("add %0, %1" : "+r"(from) : "r"(bytes));
    return from;
}

/* Clamps to int8. */
static inline int32_t pose_saturate8(int32_t value)
{
    return __ssat(value, 8);
}

/* Reads a double word and moves on (one LDRD; compilers make two loads and an addition of it). */
static inline const uint64_t *pose_load_pairs(const uint64_t *from, uint32_t *even, uint32_t *odd)
{
    __asm__("ldrd %0, %1, [%2], #8" : "=&r"(*even), "=&r"(*odd), "+r"(from) : "m"(*from));
    return from;
}

/* Writes a double word and moves on by `words` double words, a constant below 128 (one STRD). */
#define POSE_STORE_PAIRS(to, even, odd, words) \
    __asm__ volatile("strd %1, %2, [%0], %3" : "+r"(to) : "r"(even), "r"(odd), "i"((words) * 8) : "memory")

#else

static inline uint32_t pose_pair(int32_t low, int32_t high)
{
    return ((uint32_t)low & 0xFFFFu) | ((uint32_t)high << 16);
}

static inline uint32_t pose_even_bytes(uint32_t word)
{
    return pose_pair((int8_t)word, (int8_t)(word >> 16));
}

static inline uint32_t pose_odd_bytes(uint32_t word)
{
    return pose_even_bytes(word >> 8);
}

static inline int32_t pose_add_low_product(uint32_t a, uint32_t b, int32_t sum)
{
    return (int32_t)((uint32_t)sum + (uint32_t)((int16_t)a * (int16_t)b));
}

static inline int32_t pose_add_high_product(uint32_t a, uint32_t b, int32_t sum)
{
    return pose_add_low_product(a >> 16, b >> 16, sum);
}

static inline int32_t pose_add_products(uint32_t a, uint32_t b, int32_t sum)
{
    return pose_add_high_product(a, b, pose_add_low_product(a, b, sum));
}

static inline int32_t pose_add_high_word(int32_t a, int32_t b, int32_t sum)
{
    return (int32_t)((uint32_t)sum + (uint32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32));
}

static inline int32_t pose_add_sign(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a - (b < 0 ? 1u : 0u));
}

static inline int8_t *pose_step(int8_t *from, int32_t bytes)
{
    return from + bytes;
}

static inline int32_t pose_saturate8(int32_t value)
{
    return value < -128 ? -128 : (value > 127 ? 127 : value);
}

static inline const uint64_t *pose_load_pairs(const uint64_t *from, uint32_t *even, uint32_t *odd)
{
    *even = (uint32_t)*from;
    *odd = (uint32_t)(*from >> 32);
    return from + 1;
}

#define POSE_STORE_PAIRS(to, even, odd, words) (*(to) = (even) | (uint64_t)(odd) << 32, (to) += (words))

#endif

/* Four int8 as two pairs in one double word: even bytes in the lower word, odd bytes in the upper one. */
static inline uint64_t pose_widen4(uint32_t word)
{
    return pose_even_bytes(word) | ((uint64_t)pose_odd_bytes(word) << 32);
}

#endif
