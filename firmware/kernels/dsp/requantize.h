/* Sums of one output channel to stored values: three ways that give the same bits where they apply. */
#ifndef POSE_KERNELS_DSP_REQUANTIZE_H
#define POSE_KERNELS_DSP_REQUANTIZE_H

#include "kernels/convolution.h"
#include "kernels/dsp/intrinsics.h"

enum pose_scaling {
    POSE_SCALING_PLAIN, /* as SHORT, and all shifts go right */
    POSE_SCALING_SHORT, /* the activation's range is that of int8, and the host has shown that the DSP instructions'
                           rounding multiply is exact */
    POSE_SCALING_WIDE   /* 64-bit products and any range: always right */
};

static inline enum pose_scaling pose_conv_scaling(const struct pose_conv *conv)
{
    if (!conv->short_requant || conv->act_min != INT8_MIN || conv->act_max != INT8_MAX) {
        return POSE_SCALING_WIDE;
    }
    return conv->right_shifts ? POSE_SCALING_PLAIN : POSE_SCALING_SHORT;
}

/* One channel's effective scale, taken apart. `rounds` is all ones where a right shift follows, otherwise 0. */
struct pose_scale {
    int32_t multiplier, half, rounds;
    uint32_t left, right;
};

/* What follows the scaling. */
struct pose_clamp_to {
    int32_t zero_point, low, high;
};

static inline struct pose_scale pose_scale(int32_t multiplier, int32_t shift, enum pose_scaling scaling)
{
    if (scaling == POSE_SCALING_PLAIN) {
        const uint32_t right = (uint32_t)-shift;
        return (struct pose_scale){multiplier, (int32_t)((uint32_t)1 << (right - 1u)), -1, 0u, right};
    }
    const uint32_t left = shift > 0 ? (uint32_t)shift : 0u;
    const uint32_t right = shift > 0 ? 0u : (uint32_t)-shift;
    const int32_t half = (int32_t)(((uint32_t)1 << right) >> 1);
    return (struct pose_scale){multiplier, half, right != 0u ? -1 : 0, left, right};
}

/* Sum (bias included) to a stored value; `scaling` is a constant where this is inlined. One doubling replaces the 64-bit
 * shift of pose_high_mul(); adding the sign before the right shift makes ties round away from zero. */
static inline int8_t pose_scaled_output(int32_t sum, const struct pose_scale *scale, const struct pose_clamp_to *to,
                                        enum pose_scaling scaling)
{
    int32_t scaled;
    if (scaling == POSE_SCALING_WIDE) {
        scaled = pose_rounding_shift(pose_high_mul((int32_t)((uint32_t)sum << scale->left), scale->multiplier), scale->right);
    } else {
        const int32_t high = pose_high_word((int32_t)((uint32_t)sum << scale->left << 1), scale->multiplier);
        const int32_t sign = (high & scale->rounds) >> 31;
        scaled = pose_wrap_add(pose_wrap_add(high, scale->half), sign) >> scale->right;
    }
    const int32_t value = pose_wrap_add(scaled, to->zero_point);
    return (int8_t)(scaling == POSE_SCALING_WIDE ? pose_clamp(value, to->low, to->high) : pose_saturate8(value));
}

/* A channel's requantisation, worked out once. `offset` is the half that rounds and the zero point, both of them before the
 * right shift; `right` is 0 where only 64-bit products are exact. */
struct pose_ready_scale {
    int32_t bias, multiplier, offset, right;
};

/* Doubled sums below this fit 32 bits, and so do their products together with a zero point shifted left so far. */
#define POSE_READY_MAX_SUM (1 << 30)
#define POSE_READY_MAX_RIGHT 22

static inline bool pose_scales_shortly(int32_t shift, const struct pose_clamp_to *to)
{
    return to->low == INT8_MIN && to->high == INT8_MAX && shift <= -1 && shift >= -POSE_READY_MAX_RIGHT;
}

/* Where pose_scales_shortly(), and no sum reaches POSE_READY_MAX_SUM. */
static inline struct pose_ready_scale pose_short_scale(int32_t bias, int32_t multiplier, int32_t shift, int32_t zero_point)
{
    const int32_t right = -shift;
    return (struct pose_ready_scale){bias, multiplier, (int32_t)((uint32_t)zero_point << right) + (1 << (right - 1)), right};
}

/* Of a channel with that many taps. One whose sums, as far apart as they may be, all give the same value is that value (a
 * filter that training has given up, with a scale of next to nothing). */
static inline struct pose_ready_scale pose_ready_scale(const struct pose_conv *conv, int32_t channel, int32_t taps)
{
    const struct pose_clamp_to to = {conv->out_zero_point, conv->act_min, conv->act_max};
    const int32_t bias = conv->bias[channel];
    const int32_t multiplier = conv->multipliers[channel];
    const int32_t shift = conv->shifts[channel];
    const int64_t reach = (int64_t)taps * INT8_MIN * INT8_MIN;
    const int64_t most = (bias < 0 ? -(int64_t)bias : bias) + reach;
    if (pose_scales_shortly(shift, &to) && most < POSE_READY_MAX_SUM) {
        return pose_short_scale(bias, multiplier, shift, to.zero_point);
    }
    if (shift <= 0 && most <= INT32_MAX) {
        const int8_t lowest = pose_conv_output(conv, (int32_t)-reach, channel);
        const int8_t highest = pose_conv_output(conv, (int32_t)reach, channel);
        return (struct pose_ready_scale){bias, 0, lowest * 2 + 1, lowest == highest ? 1 : 0};
    }
    return (struct pose_ready_scale){bias, 0, 0, 0};
}

/* A doubled sum (bias included) to a stored value, where `right` is not 0. The sum's sign does for its product's, which makes ties
 * round away from zero: where the product is 0 and the sum is not, a half less one is still below one. */
static inline int8_t pose_ready_doubled(int32_t doubled, int32_t multiplier, int32_t offset, int32_t right)
{
    return (int8_t)pose_saturate8(pose_add_high_word(doubled, multiplier, pose_add_sign(offset, doubled)) >> right);
}

static inline int8_t pose_ready_output(int32_t sum, int32_t multiplier, int32_t offset, int32_t right)
{
    return pose_ready_doubled((int32_t)((uint32_t)sum << 1), multiplier, offset, right);
}

#endif
