/* What all variants of MUL share: the check, and one product of int8. */
#ifndef POSE_KERNELS_MUL_H
#define POSE_KERNELS_MUL_H

#include "kernels/arithmetic.h"
#include "kernels/fixed_point.h"

static inline int pose_mul_check(const struct pose_op *op)
{
    if (pose_arithmetic_plain(op)) {
        return pose_arithmetic_check(op);
    }
    const int status = pose_check_op(op, 2u, 1u, sizeof(struct pose_mul_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_mul_params *p = op->params;
    if (!pose_arithmetic_dtype(op, POSE_INT8)) {
        return POSE_ERR_OPERATOR;
    }
    const bool valid = pose_arithmetic_shapes(op) && pose_requant_valid(p->multiplier, p->shift) &&
                       p->shift <= (int32_t)POSE_MUL_MAX_SHIFT && p->act_min <= p->act_max;
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

static inline int8_t pose_mul_output(const struct pose_mul_params *p, int32_t a, int32_t b)
{
    const int32_t product = (a - p->a_zero_point) * (b - p->b_zero_point);
    const int32_t scaled = pose_requantize(product, p->multiplier, p->shift);
    return (int8_t)pose_clamp(pose_wrap_add(scaled, p->out_zero_point), p->act_min, p->act_max);
}

/* All outputs of int8 operands, one by one. */
static inline int pose_mul_run_int8(const struct pose_op *op)
{
    const struct pose_mul_params p = *(const struct pose_mul_params *)op->params;
    POSE_BROADCAST(op, int8_t, int8_t, {
        for (const int8_t *const end = out + count; out != end; out++) {
            *out = pose_mul_output(&p, *a_at, *b_at);
            a_at += a_step;
            b_at += b_step;
        }
    });
    return POSE_OK;
}

/* MUL of float32 and int32. */
static inline int pose_mul_run_plain(const struct pose_op *op)
{
    POSE_ARITHMETIC_RUN(op, a * b, (int32_t)((uint32_t)a * (uint32_t)b));
}

#endif
