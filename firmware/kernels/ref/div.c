/* DIV, float32 with broadcasting and a fused activation, as TFLite's reference_ops::Div: a NaN passes the clamp, an infinity does not. */
#include "kernels/broadcast.h"
#include "kernels/params.h"

#define OPCODE_DIV 42

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, sizeof(struct pose_div_params));
    if (status != POSE_OK) {
        return status;
    }
    if (op->in[0].tensor->dtype != POSE_FLOAT32 || op->in[1].tensor->dtype != POSE_FLOAT32 ||
        op->out[0].tensor->dtype != POSE_FLOAT32) {
        return POSE_ERR_OPERATOR;
    }
    return pose_broadcast_valid(op) ? POSE_OK : POSE_ERR_IMAGE;
}

static int run(const struct pose_op *op)
{
    const struct pose_div_params *p = op->params;
    struct pose_broadcast walk = pose_broadcast_open(op);
    const uint32_t count = pose_broadcast_run_length(&walk);
    const uint32_t a_step = walk.steps[0][walk.rank - 1u];
    const uint32_t b_step = walk.steps[1][walk.rank - 1u];
    float *out = op->out[0].data;
    do {
        const float *a = (const float *)op->in[0].data + walk.offsets[0];
        const float *b = (const float *)op->in[1].data + walk.offsets[1];
        for (uint32_t i = 0; i < count; i++) {
            const float quotient = *a / *b;
            const float raised = quotient < p->act_min ? p->act_min : quotient;
            out[i] = p->act_max < raised ? p->act_max : raised;
            a += a_step;
            b += b_step;
        }
        out += count;
    } while (pose_broadcast_next(&walk));
    return POSE_OK;
}

POSE_KERNEL(OPCODE_DIV, check, run);
