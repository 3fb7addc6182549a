/* ADD and SUB, int8 with broadcasting, with Helium: eight elements at a time, even and odd ones widened apart and
 * narrowed together again. Same bits as the portable kernels. */
#ifndef POSE_KERNELS_MVE_ADD_H
#define POSE_KERNELS_MVE_ADD_H

#include <arm_mve.h>

#include "kernels/add.h"
#include "kernels/mve/elements.h"
#include "kernels/mve/runs.h"

/* One input's constants. */
struct pose_mve_term {
    struct pose_mve_scale scale;
    int32_t left_shift;
    int16_t zero_point;
};

static inline int32x4_t pose_mve_term(int32x4_t stored, const struct pose_mve_term *term)
{
    return pose_mve_requantize(vshlq_r_s32(stored, term->left_shift), &term->scale);
}

struct pose_mve_sum {
    struct pose_mve_term a, b;
    struct pose_mve_scale scale;
    struct pose_mve_range range;
};

static inline void pose_mve_add_elements(const void *constants, const int8_t *a, uint32_t a_step, const int8_t *b, uint32_t b_step,
                                         uint32_t count, int8_t *out)
{
    const struct pose_mve_sum sum = *(const struct pose_mve_sum *)constants;
    for (uint32_t i = 0; i < count; i += 8u) {
        const mve_pred16_t lanes = vctp16q(count - i);
        const int16x8_t a_values = vsubq_n_s16(pose_mve_load_8(a, a_step, lanes), sum.a.zero_point);
        const int16x8_t b_values = vsubq_n_s16(pose_mve_load_8(b, b_step, lanes), sum.b.zero_point);
        const int32x4_t even = vaddq_s32(pose_mve_term(vmovlbq_s16(a_values), &sum.a), pose_mve_term(vmovlbq_s16(b_values), &sum.b));
        const int32x4_t odd = vaddq_s32(pose_mve_term(vmovltq_s16(a_values), &sum.a), pose_mve_term(vmovltq_s16(b_values), &sum.b));
        pose_mve_store_8(out + i, pose_mve_requantize(even, &sum.scale), pose_mve_requantize(odd, &sum.scale), &sum.range, lanes);
        a += 8u * a_step;
        b += 8u * b_step;
    }
}

static inline int pose_mve_add_run(const struct pose_op *op, const struct pose_add_params *p)
{
    const struct pose_mve_sum sum = {.a = {pose_mve_scale(p->a_multiplier, p->a_shift), p->left_shift, p->a_zero_point},
                                     .b = {pose_mve_scale(p->b_multiplier, p->b_shift), p->left_shift, p->b_zero_point},
                                     .scale = pose_mve_scale(p->out_multiplier, p->out_shift),
                                     .range = {p->out_zero_point, p->act_min, p->act_max}};
    pose_mve_runs(&sum, op, pose_mve_add_elements);
    return POSE_OK;
}

#endif
