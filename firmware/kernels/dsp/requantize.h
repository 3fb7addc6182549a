/* Sums to stored values the short way: one rounding multiplication of 32 bits, the zero point and what rounds in one
 * addition before it. Where it is exact, it gives the bits of pose_requantize(). */
#ifndef POSE_KERNELS_DSP_REQUANTIZE_H
#define POSE_KERNELS_DSP_REQUANTIZE_H

#include "kernels/convolution.h"
#include "kernels/dsp/intrinsics.h"

/* A channel's requantisation, worked out once. `offset` is the half that rounds and the zero point, both of them before the
 * right shift; `right` is 0 where only 64-bit products are exact. */
struct pose_short_scale {
    int32_t bias, multiplier, offset, right;
};

/* Doubled sums below this fit 32 bits, and so do their products together with a zero point shifted left so far. */
#define POSE_SHORT_MAX_SUM (1 << 30)
#define POSE_SHORT_MAX_RIGHT 22

static inline bool pose_scales_shortly(int32_t shift, int32_t low, int32_t high)
{
    return low == INT8_MIN && high == INT8_MAX && shift <= -1 && shift >= -POSE_SHORT_MAX_RIGHT;
}

/* Where pose_scales_shortly(), and no sum reaches POSE_SHORT_MAX_SUM. */
static inline struct pose_short_scale pose_make_scale(int32_t bias, int32_t multiplier, int32_t shift, int32_t zero_point)
{
    const int32_t right = -shift;
    return (struct pose_short_scale){bias, multiplier, (int32_t)((uint32_t)zero_point << right) + (1 << (right - 1)), right};
}

/* Of a channel with that many taps. One whose sums, as far apart as they may be, all give the same value is that value (a
 * filter that training has given up, with a scale of next to nothing). */
static inline struct pose_short_scale pose_channel_scale(const struct pose_conv *conv, int32_t channel, int32_t taps)
{
    const int32_t bias = conv->bias[channel];
    const int32_t multiplier = conv->multipliers[channel];
    const int32_t shift = conv->shifts[channel];
    const int64_t reach = (int64_t)taps * INT8_MIN * INT8_MIN;
    const int64_t most = (bias < 0 ? -(int64_t)bias : bias) + reach;
    if (pose_scales_shortly(shift, conv->act_min, conv->act_max) && most < POSE_SHORT_MAX_SUM) {
        return pose_make_scale(bias, multiplier, shift, conv->out_zero_point);
    }
    if (shift <= 0 && most <= INT32_MAX) {
        const int8_t lowest = pose_conv_output(conv, (int32_t)-reach, channel);
        const int8_t highest = pose_conv_output(conv, (int32_t)reach, channel);
        return (struct pose_short_scale){bias, 0, lowest * 2 + 1, lowest == highest ? 1 : 0};
    }
    return (struct pose_short_scale){bias, 0, 0, 0};
}

/* A doubled sum (bias included) to a stored value, where `right` is not 0. The sum's sign does for its product's, which makes ties
 * round away from zero: where the product is 0 and the sum is not, a half less one is still below one. */
static inline int8_t pose_short_doubled(int32_t doubled, int32_t multiplier, int32_t offset, int32_t right)
{
    return (int8_t)pose_saturate8(pose_add_high_word(doubled, multiplier, pose_add_sign(offset, doubled)) >> right);
}

static inline int8_t pose_short_output(int32_t sum, int32_t multiplier, int32_t offset, int32_t right)
{
    return pose_short_doubled((int32_t)((uint32_t)sum << 1), multiplier, offset, right);
}

#endif
