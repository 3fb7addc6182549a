/* What all variants of ADD and SUB share: the check, and the value each int8 input contributes. SUB adds the second input
 * scaled by a negative multiplier, as the reference does. */
#ifndef POSE_KERNELS_ADD_H
#define POSE_KERNELS_ADD_H

#include "kernels/arithmetic.h"
#include "kernels/fixed_point.h"

static inline int pose_add_check(const struct pose_op *op)
{
    if (pose_arithmetic_plain(op)) {
        return pose_arithmetic_check(op);
    }
    const int status = pose_check_op(op, 2u, 1u, sizeof(struct pose_add_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_add_params *p = op->params;
    if (!pose_arithmetic_dtype(op, POSE_INT8)) {
        return POSE_ERR_OPERATOR;
    }
    const bool valid = pose_arithmetic_shapes(op) && pose_requant_valid(p->a_multiplier, p->a_shift) &&
                       pose_requant_valid(p->b_multiplier, p->b_shift) && pose_requant_valid(p->out_multiplier, p->out_shift) &&
                       p->left_shift >= 0 && p->left_shift <= 22 && p->act_min <= p->act_max;
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

/* The parameters of ADD that do what SUB shall. */
static inline struct pose_add_params pose_sub_as_add(const struct pose_add_params *p)
{
    struct pose_add_params add = *p;
    add.b_multiplier = -p->b_multiplier;
    return add;
}

/* Stored input values on the common scale of both inputs. */
static inline int32_t pose_add_term_a(const struct pose_add_params *p, int32_t stored)
{
    return pose_requantize((stored - p->a_zero_point) * (1 << p->left_shift), p->a_multiplier, p->a_shift);
}

static inline int32_t pose_add_term_b(const struct pose_add_params *p, int32_t stored)
{
    return pose_requantize((stored - p->b_zero_point) * (1 << p->left_shift), p->b_multiplier, p->b_shift);
}

static inline int8_t pose_add_output(const struct pose_add_params *p, int32_t a, int32_t b)
{
    const int32_t scaled = pose_requantize(pose_wrap_add(a, b), p->out_multiplier, p->out_shift);
    return (int8_t)pose_clamp(pose_wrap_add(scaled, p->out_zero_point), p->act_min, p->act_max);
}

/* All outputs of int8 operands; portable C. */
static inline int pose_add_run_int8(const struct pose_op *op, const struct pose_add_params *p)
{
    POSE_BROADCAST(op, int8_t, int8_t, {
        for (uint32_t i = 0; i < count; i++) {
            out[i] = pose_add_output(p, pose_add_term_a(p, *a_at), pose_add_term_b(p, *b_at));
            a_at += a_step;
            b_at += b_step;
        }
        out += count;
    });
    return POSE_OK;
}

/* ADD and SUB of float32 and int32. */
static inline int pose_add_run_plain(const struct pose_op *op)
{
    POSE_ARITHMETIC_RUN(op, a + b, (int32_t)((uint32_t)a + (uint32_t)b));
}

static inline int pose_sub_run_plain(const struct pose_op *op)
{
    POSE_ARITHMETIC_RUN(op, a - b, (int32_t)((uint32_t)a - (uint32_t)b));
}

#endif
