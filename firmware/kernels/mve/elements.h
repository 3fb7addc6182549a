/* What element-wise operators on int8 have in common with Helium: eight elements of one scale. */
#ifndef POSE_KERNELS_MVE_ELEMENTS_H
#define POSE_KERNELS_MVE_ELEMENTS_H

#include <arm_mve.h>
#include <stdint.h>

struct pose_mve_scale {
    int32_t multiplier, left, right; /* right is 0 or negative, as VRSHL takes it */
};

struct pose_mve_range {
    int32_t zero_point;
    int16_t low, high;
};

static inline struct pose_mve_scale pose_mve_scale(int32_t multiplier, int32_t shift)
{
    return (struct pose_mve_scale){multiplier, shift > 0 ? shift : 0, shift < 0 ? shift : 0};
}

/* pose_requantize() of four lanes; see requantize.h for the ties. */
static inline int32x4_t pose_mve_requantize(int32x4_t values, const struct pose_mve_scale *scale)
{
    values = vqrdmulhq_n_s32(vshlq_r_s32(values, scale->left), scale->multiplier);
    if (scale->right != 0) {
        values = vrshlq_n_s32(vqaddq_s32(values, vshrq_n_s32(values, 31)), scale->right);
    }
    return values;
}

/* Eight neighbours, or eight times one value where an input stands still. */
static inline int16x8_t pose_mve_load_8(const int8_t *from, uint32_t step, mve_pred16_t lanes)
{
    return step != 0u ? vldrbq_z_s16(from, lanes) : vdupq_n_s16(*from);
}

/* Adds the zero point (wrapping, as the portable kernels), clamps, stores those of `lanes`. */
static inline void pose_mve_store_8(int8_t *out, int32x4_t even, int32x4_t odd, const struct pose_mve_range *range, mve_pred16_t lanes)
{
    even = vaddq_n_s32(even, range->zero_point);
    odd = vaddq_n_s32(odd, range->zero_point);
    int16x8_t both = vqmovntq_s32(vqmovnbq_s32(vdupq_n_s16(0), even), odd);
    both = vmaxq_s16(vminq_s16(both, vdupq_n_s16(range->high)), vdupq_n_s16(range->low));
    vstrbq_p_s16(out, both, lanes);
}

#endif
