/* ADD and SUB, int8 with broadcasting, with Helium. Same bits as the portable kernels.
 *
 * The planner gives the input with the larger scale a multiplier of exactly one half: its term is the stored value less the zero
 * point, shifted. The other one's is shifted right after the multiplication, as the sum is, and the activation's range is
 * nearly always that of int8: then an element costs 3.6 instructions. Whatever is different takes the common way. */
#ifndef POSE_KERNELS_MVE_ADD_H
#define POSE_KERNELS_MVE_ADD_H

#include <arm_mve.h>

#include "kernels/add.h"
#include "kernels/mve/elements.h"
#include "kernels/mve/runs.h"

#define POSE_MVE_EIGHT 8u
#define POSE_MVE_HALF (1 << 30)
#define POSE_MVE_SHIFT 20 /* the planner's left_shift */

/* One input's constants, for the common way. */
struct pose_mve_term {
    struct pose_mve_scale scale;
    int32_t left_shift;
    int16_t zero_point;
};

/* `whole` is the input of the half, `part` the other one; a term is factor * stored + offset before it is multiplied. */
struct pose_mve_sum {
    bool is_short, swapped; /* the second input is `whole` */
    int32_t whole_factor, whole_offset, part_factor, part_offset;
    int32_t part_multiplier, part_shift;
    struct pose_mve_term a, b;
    struct pose_mve_scale scale;
    struct pose_mve_range range;
};

/* Four terms and their sum, requantised, to `result`. A product is added to the sign of its factor, which makes ties go away
 * from zero in the shift after it. */
#define POSE_MVE_SUM_4(result)                                   \
    "vldrb.s32 q0, [%[part]], #4\n"                              \
    "vldrb.s32 " #result ", [%[whole]], #4\n"                    \
    "vmlas.s32 q0, %q[part_factor], %[part_offset]\n"            \
    "vmlas.s32 " #result ", %q[whole_factor], %[whole_offset]\n" \
    "vshr.s32 q1, q0, #31\n"                                     \
    "vqrdmlah.s32 q1, q0, %[part_multiplier]\n"                  \
    "vrshl.s32 q1, %[part_shift]\n"                              \
    "vadd.i32 q1, q1, " #result "\n"                             \
    "vshr.s32 " #result ", q1, #31\n"                            \
    "vqrdmlah.s32 " #result ", q1, %[multiplier]\n"              \
    "vrshl.s32 " #result ", %[shift]\n"

/* Eight elements at a time. Lanes of the first four and of the second four alternate when they are narrowed. Not inlined, where
 * the compiler would lack registers. */
static __attribute__((noinline)) void pose_mve_add_eights(const struct pose_mve_sum *sum, const int8_t *whole, const int8_t *part,
                                                          uint32_t eights, int8_t *out)
{
    static const uint16_t places[POSE_MVE_EIGHT] = {0, 4, 1, 5, 2, 6, 3, 7};
    __asm volatile(
        "wls lr, %[eights], 2f\n"
        "1:\n" POSE_MVE_SUM_4(q2) POSE_MVE_SUM_4(q3) "vqmovnb.s32 q2, q2\n"
                                                     "vqmovnt.s32 q2, q3\n"
                                                     "vqadd.s16 q2, q2, %[zero_point]\n"
                                                     "vqmovnb.s16 q2, q2\n"
                                                     "vstrb.16 q2, [%[out], %q[places]]\n"
                                                     "adds %[out], #8\n"
                                                     "le lr, 1b\n"
                                                     "2:\n"
        : [whole] "+l"(whole), [part] "+l"(part), [out] "+l"(out)
        : [eights] "r"(eights), [whole_offset] "r"(sum->whole_offset), [part_offset] "r"(sum->part_offset),
          [part_multiplier] "r"(sum->part_multiplier), [part_shift] "r"(sum->part_shift), [multiplier] "r"(sum->scale.multiplier),
          [shift] "r"(sum->scale.right), [zero_point] "r"(sum->range.zero_point), [part_factor] "w"(vdupq_n_s32(sum->part_factor)),
          [whole_factor] "w"(vdupq_n_s32(sum->whole_factor)), [places] "w"(vldrhq_u16(places))
        : "lr", "q0", "q1", "q2", "q3", "cc", "memory");
}

static inline void pose_mve_add_short(const struct pose_mve_sum *sum, const int8_t *whole, const int8_t *part, uint32_t count, int8_t *out)
{
    const uint32_t eights = count / POSE_MVE_EIGHT;
    const uint32_t done = eights * POSE_MVE_EIGHT;
    const uint32_t left = count - done;
    pose_mve_add_eights(sum, whole, part, eights, out);
    if (left != 0u) {
        int8_t rest[3][POSE_MVE_EIGHT] = {{0}};
        memcpy(rest[0], whole + done, left);
        memcpy(rest[1], part + done, left);
        pose_mve_add_eights(sum, rest[0], rest[1], 1u, rest[2]);
        memcpy(out + done, rest[2], left);
    }
}

static inline int32x4_t pose_mve_term(int32x4_t stored, const struct pose_mve_term *term)
{
    return pose_mve_requantize(vshlq_r_s32(stored, term->left_shift), &term->scale);
}

/* Any multipliers, shifts and range. */
static inline void pose_mve_add_any(struct pose_mve_sum sum, const int8_t *a, uint32_t a_step, const int8_t *b, uint32_t b_step,
                                    uint32_t count, int8_t *out)
{
    for (uint32_t i = 0; i < count; i += POSE_MVE_EIGHT) {
        const mve_pred16_t lanes = vctp16q(count - i);
        const int16x8_t a_values = vsubq_n_s16(pose_mve_load_8(a, a_step, lanes), sum.a.zero_point);
        const int16x8_t b_values = vsubq_n_s16(pose_mve_load_8(b, b_step, lanes), sum.b.zero_point);
        const int32x4_t even = vaddq_s32(pose_mve_term(vmovlbq_s16(a_values), &sum.a), pose_mve_term(vmovlbq_s16(b_values), &sum.b));
        const int32x4_t odd = vaddq_s32(pose_mve_term(vmovltq_s16(a_values), &sum.a), pose_mve_term(vmovltq_s16(b_values), &sum.b));
        pose_mve_store_8(out + i, pose_mve_requantize(even, &sum.scale), pose_mve_requantize(odd, &sum.scale), &sum.range, lanes);
        a += POSE_MVE_EIGHT * a_step;
        b += POSE_MVE_EIGHT * b_step;
    }
}

/* A run: an input that stands still is written out for as many elements as are taken at a time. */
static inline void pose_mve_add_elements(const void *constants, const int8_t *a, uint32_t a_step, const int8_t *b, uint32_t b_step,
                                         uint32_t count, int8_t *out)
{
    const struct pose_mve_sum *const sum = constants;
    if (!sum->is_short) {
        pose_mve_add_any(*sum, a, a_step, b, b_step, count, out);
        return;
    }
    int8_t same[2][POSE_MVE_REPEATED];
    const uint32_t most = a_step + b_step == 2u || count < POSE_MVE_REPEATED ? count : POSE_MVE_REPEATED;
    if (a_step == 0u) {
        memset(same[0], *a, most);
    }
    if (b_step == 0u) {
        memset(same[1], *b, most);
    }
    for (uint32_t done = 0; done < count;) {
        const uint32_t now = count - done < most ? count - done : most;
        const int8_t *const a_at = a_step != 0u ? a + done : same[0];
        const int8_t *const b_at = b_step != 0u ? b + done : same[1];
        pose_mve_add_short(sum, sum->swapped ? b_at : a_at, sum->swapped ? a_at : b_at, now, out + done);
        done += now;
    }
}

/* `sign`: 1, or -1 where b is subtracted: the reference then takes its multiplier negative. */
static inline int pose_mve_add_run(const struct pose_op *op, int32_t sign)
{
    const struct pose_add_params *p = op->params;
    const bool a_half = p->a_multiplier == POSE_MVE_HALF && p->a_shift == 0 && p->b_shift <= -1;
    const bool b_half = p->b_multiplier == POSE_MVE_HALF && p->b_shift == 0 && p->a_shift <= -1;
    struct pose_mve_sum sum = {.is_short = (a_half || b_half) && p->out_shift <= -1 && p->left_shift == POSE_MVE_SHIFT &&
                                           p->act_min == INT8_MIN && p->act_max == INT8_MAX,
                               .swapped = !a_half,
                               .a = {pose_mve_scale(p->a_multiplier, p->a_shift), p->left_shift, p->a_zero_point},
                               .b = {pose_mve_scale(sign * p->b_multiplier, p->b_shift), p->left_shift, p->b_zero_point},
                               .scale = pose_mve_scale(p->out_multiplier, p->out_shift),
                               .range = {p->out_zero_point, p->act_min, p->act_max}};
    sum.whole_factor = (sum.swapped ? sign : 1) * (1 << (POSE_MVE_SHIFT - 1));
    sum.part_factor = (sum.swapped ? 1 : sign) * (1 << POSE_MVE_SHIFT);
    sum.whole_offset = -sum.whole_factor * (sum.swapped ? p->b_zero_point : p->a_zero_point);
    sum.part_offset = -sum.part_factor * (sum.swapped ? p->a_zero_point : p->b_zero_point);
    sum.part_multiplier = sum.swapped ? p->a_multiplier : p->b_multiplier;
    sum.part_shift = sum.swapped ? p->a_shift : p->b_shift;
    pose_mve_runs(&sum, op, pose_mve_add_elements);
    return POSE_OK;
}

#endif
