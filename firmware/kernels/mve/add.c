/* ADD, int8 with broadcasting, with Helium. Same bits as the portable kernel. Runs in which both inputs advance, or one
 * stands still, are taken eight elements at a time. */
#include <arm_mve.h>

#include "kernels/add.h"

/* One input's constants. */
struct term {
    int32_t multiplier, shift, left_shift;
    int16_t zero_point;
};

/* pose_requantize() of lanes with one shift of either sign. */
static inline int32x4_t requantize(int32x4_t values, int32_t multiplier, int32_t shift)
{
    const int32_t right = shift < 0 ? shift : 0;
    values = vqrdmulhq_n_s32(vshlq_r_s32(values, shift > 0 ? shift : 0), multiplier);
    const int32x4_t sign = vandq_s32(values, vdupq_n_s32(right)); /* negative where both are */
    return vrshlq_n_s32(vqaddq_s32(values, vshrq_n_s32(sign, 31)), right);
}

static inline int32x4_t get_term(int32x4_t stored, const struct term *term)
{
    return requantize(vshlq_r_s32(stored, term->left_shift), term->multiplier, term->shift);
}

static inline int32x4_t get_output(const struct pose_add_params *p, int32x4_t a, int32x4_t b)
{
    return vaddq_n_s32(requantize(vaddq_s32(a, b), p->out_multiplier, p->out_shift), p->out_zero_point);
}

/* Eight elements, fewer where `lanes` says so. Even and odd ones are widened apart and narrowed together again. */
static inline void add_8(const struct pose_add_params *p, const struct term *a, const struct term *b, int16x8_t a_stored,
                         int16x8_t b_stored, mve_pred16_t lanes, int8_t *out)
{
    const int16x8_t a_values = vsubq_n_s16(a_stored, a->zero_point);
    const int16x8_t b_values = vsubq_n_s16(b_stored, b->zero_point);
    const int32x4_t even = get_output(p, get_term(vmovlbq_s16(a_values), a), get_term(vmovlbq_s16(b_values), b));
    const int32x4_t odd = get_output(p, get_term(vmovltq_s16(a_values), a), get_term(vmovltq_s16(b_values), b));
    int16x8_t both = vqmovntq_s32(vqmovnbq_s32(a_values, even), odd);
    both = vmaxq_s16(vminq_s16(both, vdupq_n_s16(p->act_max)), vdupq_n_s16(p->act_min));
    vstrbq_p_s16(out, both, lanes);
}

static inline int16x8_t load_8(const int8_t *from, uint32_t step, mve_pred16_t lanes)
{
    return step != 0u ? vldrbq_z_s16(from, lanes) : vdupq_n_s16(*from);
}

static int run(const struct pose_op *op)
{
    const struct pose_add_params p = *(const struct pose_add_params *)op->params;
    const struct term a_term = {p.a_multiplier, p.a_shift, p.left_shift, p.a_zero_point};
    const struct term b_term = {p.b_multiplier, p.b_shift, p.left_shift, p.b_zero_point};
    struct pose_broadcast walk = pose_broadcast_open(op);
    const uint32_t count = pose_broadcast_run_length(&walk);
    const uint32_t a_step = walk.steps[0][walk.rank - 1u];
    const uint32_t b_step = walk.steps[1][walk.rank - 1u];
    int8_t *out = op->out[0].data;
    do {
        const int8_t *a = (const int8_t *)op->in[0].data + walk.offsets[0];
        const int8_t *b = (const int8_t *)op->in[1].data + walk.offsets[1];
        for (uint32_t i = 0; i < count; i += 8u) {
            const mve_pred16_t lanes = vctp16q(count - i);
            add_8(&p, &a_term, &b_term, load_8(a, a_step, lanes), load_8(b, b_step, lanes), lanes, out + i);
            a += 8u * a_step;
            b += 8u * b_step;
        }
        out += count;
    } while (pose_broadcast_next(&walk));
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_ADD, pose_add_check, run);
