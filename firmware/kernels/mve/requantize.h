/* Sums of eight output channels to stored values with Helium, bit for bit as pose_conv_output().
 *
 * Eight channels are two vectors of 32-bit lanes: channels 0, 2, 4, 6 ("even") and 1, 3, 5, 7 ("odd"), so that the
 * narrowing moves VQMOVNB (to even half words) and VQMOVNT (to odd ones) put them in their order for one store.
 * VQRDMULH is pose_high_mul() exactly, whatever the sum. VRSHL rounds ties upwards; taking 1 from negative values
 * first makes it round them away from zero as pose_rounding_shift() does. VQDMLAH by 1 takes it: to a value, it adds
 * floor(2 * value / 2^32), which is -1 below zero and else 0. */
#ifndef POSE_KERNELS_MVE_REQUANTIZE_H
#define POSE_KERNELS_MVE_REQUANTIZE_H

#include <arm_mve.h>

#include "kernels/convolution.h"

#define POSE_MVE_GROUP 8 /* output channels that are requantised together */

/* Constants of one group, [even, odd]. */
struct pose_mve_scales {
    int32_t bias[2][4], multipliers[2][4], shifts[2][4];
};

/* Channels past the last one, which no store keeps, get harmless values. Returns the largest shift. */
static inline int32_t pose_mve_fill_scales(const struct pose_conv *conv, int32_t channel, struct pose_mve_scales *scales)
{
    if (channel + POSE_MVE_GROUP <= conv->out_c) {
        const int32x4x2_t bias = vld2q_s32(conv->bias + channel);
        const int32x4x2_t multipliers = vld2q_s32(conv->multipliers + channel);
        const int16x8_t all_shifts = vldrbq_s16(conv->shifts + channel);
        vstrwq_s32(scales->bias[0], bias.val[0]);
        vstrwq_s32(scales->bias[1], bias.val[1]);
        vstrwq_s32(scales->multipliers[0], multipliers.val[0]);
        vstrwq_s32(scales->multipliers[1], multipliers.val[1]);
        vstrwq_s32(scales->shifts[0], vmovlbq_s16(all_shifts));
        vstrwq_s32(scales->shifts[1], vmovltq_s16(all_shifts));
        return vmaxvq_s16(-1, all_shifts);
    }
    int32_t largest = -1;
    for (int32_t i = 0; i < POSE_MVE_GROUP; i++) {
        const int32_t from = channel + i;
        const bool real = from < conv->out_c;
        scales->bias[i & 1][i >> 1] = real ? conv->bias[from] : 0;
        scales->multipliers[i & 1][i >> 1] = real ? conv->multipliers[from] : 0;
        const int32_t shift = real ? conv->shifts[from] : -1;
        scales->shifts[i & 1][i >> 1] = shift;
        largest = shift > largest ? shift : largest;
    }
    return largest;
}

/* What applies to a whole group at one pixel: any shifts, any range, fewer than eight channels. */
static inline int32x4_t pose_mve_scale4(int32x4_t sums, const int32_t *bias, const int32_t *multipliers, const int32_t *shifts)
{
    const int32x4_t shift = vldrwq_s32(shifts);
    const int32x4_t zero = vdupq_n_s32(0);
    const int32x4_t right = vminq_s32(shift, zero);
    sums = vshlq_s32(vaddq_s32(sums, vldrwq_s32(bias)), vmaxq_s32(shift, zero));
    sums = vqrdmulhq_s32(sums, vldrwq_s32(multipliers));
    /* The sign bit of the product's AND with the (negative) right shift: 1 to take away where both are negative. */
    sums = vqaddq_s32(sums, vshrq_n_s32(vandq_s32(sums, right), 31));
    return vrshlq_s32(sums, right);
}

static inline void pose_mve_store_any(const struct pose_conv *conv, const struct pose_mve_scales *scales, int32x4_t even, int32x4_t odd,
                                      uint32_t count, int8_t *out)
{
    even = pose_mve_scale4(even, scales->bias[0], scales->multipliers[0], scales->shifts[0]);
    odd = pose_mve_scale4(odd, scales->bias[1], scales->multipliers[1], scales->shifts[1]);
    even = vaddq_n_s32(even, conv->out_zero_point); /* wraps as pose_conv_output() does */
    odd = vaddq_n_s32(odd, conv->out_zero_point);
    int16x8_t both = vqmovntq_s32(vqmovnbq_s32(vdupq_n_s16(0), even), odd);
    both = vmaxq_s16(vminq_s16(both, vdupq_n_s16((int16_t)conv->act_max)), vdupq_n_s16((int16_t)conv->act_min));
    vstrbq_p_s16(out, both, vctp16q(count));
}

/* Ways to requantise channels, from the cheapest. */
enum pose_mve_scaling {
    POSE_MVE_CLAMPED, /* as the next, and negative results are below the range: ties do not matter */
    POSE_MVE_SHORT,   /* all shifts go right, the activation's range is that of int8 */
    POSE_MVE_ANY
};

/* For channels of which `largest` is the largest shift. With shifts to the right a sum of any size will do: VQRDMULH does
 * not overflow, its result is above INT32_MIN, VRSHL rounds as if it had one more bit, and the zero point does not wrap. */
static inline enum pose_mve_scaling pose_mve_scaling(const struct pose_conv *conv, int32_t largest)
{
    if (largest > -1 || conv->act_min != INT8_MIN || conv->act_max != INT8_MAX) {
        return POSE_MVE_ANY;
    }
    return conv->out_zero_point == INT8_MIN ? POSE_MVE_CLAMPED : POSE_MVE_SHORT;
}

#endif
