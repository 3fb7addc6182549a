/* Sums of one output channel to stored values, with the DSP instructions' rounding multiply where the host has shown
 * that it gives the same bits (POSE_CONV_SHORT_REQUANT). */
#ifndef POSE_KERNELS_DSP_REQUANTIZE_H
#define POSE_KERNELS_DSP_REQUANTIZE_H

#include "kernels/convolution.h"
#include "kernels/dsp/intrinsics.h"

/* One channel's effective scale, taken apart. `rounds` is all ones where a right shift follows, otherwise 0. */
struct pose_short_scale {
    int32_t multiplier, half, rounds;
    uint32_t left, right;
};

/* What follows the scaling. */
struct pose_clamp_to {
    int32_t zero_point, low, high;
};

static inline struct pose_short_scale pose_short_scale(int32_t multiplier, int32_t shift)
{
    const uint32_t left = shift > 0 ? (uint32_t)shift : 0u;
    const uint32_t right = shift > 0 ? 0u : (uint32_t)-shift;
    const int32_t half = (int32_t)(((uint32_t)1 << right) >> 1);
    return (struct pose_short_scale){multiplier, half, right != 0u ? -1 : 0, left + 1u, right};
}

/* The same where shift is known to be -1 or less. */
static inline struct pose_short_scale pose_right_scale(int32_t multiplier, int32_t shift)
{
    const uint32_t right = (uint32_t)-shift;
    return (struct pose_short_scale){multiplier, (int32_t)((uint32_t)1 << (right - 1u)), -1, 1u, right};
}

/* Sum (bias included) to a stored value; `clamps` false: the range is that of int8. The doubling in `left` replaces the
 * 64-bit shift of pose_high_mul(); adding the sign before the right shift makes ties round away from zero. */
static inline int8_t pose_short_output(int32_t sum, const struct pose_short_scale *scale, const struct pose_clamp_to *to,
                                       bool clamps)
{
    const int32_t high = pose_high_word((int32_t)((uint32_t)sum << scale->left), scale->multiplier);
    const int32_t sign = (high & scale->rounds) >> 31;
    const int32_t rounded = pose_wrap_add(pose_wrap_add(high, scale->half), sign) >> scale->right;
    const int32_t value = pose_wrap_add(rounded, to->zero_point);
    return (int8_t)(clamps ? pose_clamp(value, to->low, to->high) : pose_saturate8(value));
}

/* The case that needs least: all shifts go right, the range is that of int8. */
static inline bool pose_conv_is_plain(const struct pose_conv *conv)
{
    return conv->right_shifts && conv->act_min == INT8_MIN && conv->act_max == INT8_MAX;
}

#endif
