/* Sums of one output channel to stored values, with the DSP instructions' rounding multiply where the host has shown
 * that it gives the same bits (POSE_CONV_SHORT_REQUANT). */
#ifndef POSE_KERNELS_DSP_REQUANTIZE_H
#define POSE_KERNELS_DSP_REQUANTIZE_H

#include "kernels/convolution.h"
#include "kernels/dsp/intrinsics.h"

/* One channel's effective scale, taken apart. */
struct pose_short_scale {
    int32_t multiplier, half;
    uint32_t right;
};

/* What follows the scaling. */
struct pose_clamp_to {
    int32_t zero_point, low, high;
};

static inline struct pose_short_scale pose_short_scale(int32_t multiplier, int32_t shift)
{
    const uint32_t right = (uint32_t)-shift;
    return (struct pose_short_scale){multiplier, (int32_t)((uint32_t)1 << (right - 1u)), right};
}

/* Sum (bias included) to a stored value; `clamps` false: the range is that of int8. One doubling replaces the 64-bit
 * shift of pose_high_mul(); adding the sign makes ties round away from zero. */
static inline int8_t pose_short_output(int32_t sum, const struct pose_short_scale *scale, const struct pose_clamp_to *to,
                                       bool clamps)
{
    const int32_t high = pose_high_word((int32_t)((uint32_t)sum << 1), scale->multiplier);
    const int32_t rounded = pose_wrap_add(pose_wrap_add(high, scale->half), high >> 31) >> scale->right;
    const int32_t value = pose_wrap_add(rounded, to->zero_point);
    return (int8_t)(clamps ? pose_clamp(value, to->low, to->high) : pose_saturate8(value));
}

#endif
