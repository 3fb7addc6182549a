/* PRELU, int8, with alpha broadcast to the input, as TFLite's reference_ops::Prelu. */
#include "kernels/broadcast.h"
#include "kernels/fixed_point.h"
#include "kernels/params.h"

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, sizeof(struct pose_prelu_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_prelu_params *p = op->params;
    if (op->in[0].tensor->dtype != POSE_INT8 || op->in[1].tensor->dtype != POSE_INT8 || op->out[0].tensor->dtype != POSE_INT8) {
        return POSE_ERR_OPERATOR;
    }
    const bool valid = pose_broadcast_valid(op) && pose_requant_valid(p->multiplier, p->shift) &&
                       pose_requant_valid(p->alpha_multiplier, p->alpha_shift);
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

static int8_t output(const struct pose_prelu_params *p, int32_t value, int32_t alpha)
{
    const int32_t scaled = value >= 0 ? pose_requantize(value, p->multiplier, p->shift)
                                      : pose_requantize(value * alpha, p->alpha_multiplier, p->alpha_shift);
    return (int8_t)pose_clamp(pose_wrap_add(scaled, p->out_zero_point), INT8_MIN, INT8_MAX);
}

static int run(const struct pose_op *op)
{
    const struct pose_prelu_params *p = op->params;
    POSE_BROADCAST(op, int8_t, int8_t, {
        for (uint32_t i = 0; i < count; i++) {
            out[i] = output(p, *a_at - p->in_zero_point, *b_at - p->alpha_zero_point);
            a_at += a_step;
            b_at += b_step;
        }
        out += count;
    });
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_PRELU, check, run);
