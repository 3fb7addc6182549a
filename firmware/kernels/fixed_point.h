/* Integer requantisation, bit for bit as TFLite's reference kernels with double rounding (TensorFlow Lite
 * kernels/internal/common.h: MultiplyByQuantizedMultiplier). Arithmetic wraps where the reference's is undefined. */
#ifndef POSE_KERNELS_FIXED_POINT_H
#define POSE_KERNELS_FIXED_POINT_H

#include <stdbool.h>
#include <stdint.h>

static inline int32_t pose_wrap_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* round(a * b / 2^31), ties upwards; b >= 0, so that nothing saturates. */
static inline int32_t pose_high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* round(x / 2^exponent), ties away from zero; exponent 0..31. */
static inline int32_t pose_rounding_shift(int32_t x, uint32_t exponent)
{
    const uint32_t mask = ((uint32_t)1 << exponent) - 1u;
    const uint32_t threshold = (mask >> 1) + (x < 0 ? 1u : 0u);
    return (x >> exponent) + (((uint32_t)x & mask) > threshold ? 1 : 0);
}

/* x * multiplier / 2^31 * 2^shift, rounded twice; multiplier >= 0, shift -31..30. */
static inline int32_t pose_requantize(int32_t x, int32_t multiplier, int32_t shift)
{
    const uint32_t left = shift > 0 ? (uint32_t)shift : 0u;
    const uint32_t right = shift > 0 ? 0u : (uint32_t)-shift;
    return pose_rounding_shift(pose_high_mul((int32_t)((uint32_t)x << left), multiplier), right);
}

static inline bool pose_requant_valid(int32_t multiplier, int32_t shift)
{
    return multiplier >= 0 && shift >= -31 && shift <= 30;
}

static inline int32_t pose_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : (x > high ? high : x);
}

#endif
