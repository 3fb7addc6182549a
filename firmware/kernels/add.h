/* What all variants of ADD share: the check, and the value each input contributes. */
#ifndef POSE_KERNELS_ADD_H
#define POSE_KERNELS_ADD_H

#include "kernels/broadcast.h"
#include "kernels/fixed_point.h"
#include "kernels/params.h"

#define POSE_OPCODE_ADD 0

static inline int pose_add_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, sizeof(struct pose_add_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_add_params *p = op->params;
    if (op->in[0].tensor->dtype != POSE_INT8 || op->in[1].tensor->dtype != POSE_INT8 ||
        op->out[0].tensor->dtype != POSE_INT8) {
        return POSE_ERR_OPERATOR;
    }
    const bool valid = pose_broadcast_valid(op) && pose_requant_valid(p->a_multiplier, p->a_shift) &&
                       pose_requant_valid(p->b_multiplier, p->b_shift) &&
                       pose_requant_valid(p->out_multiplier, p->out_shift) && p->left_shift >= 0 &&
                       p->left_shift <= 22 && p->act_min <= p->act_max;
    return valid ? POSE_OK : POSE_ERR_IMAGE;
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

#endif
