/* ADD, int8 with broadcasting, portable C. Same bits as TFLite's reference_integer_ops::Add. */
#include "kernels/add.h"

static int run(const struct pose_op *op)
{
    const struct pose_add_params *p = op->params;
    struct pose_broadcast walk = pose_broadcast_open(op);
    const uint32_t count = pose_broadcast_run_length(&walk);
    const uint32_t a_step = walk.steps[0][walk.rank - 1u];
    const uint32_t b_step = walk.steps[1][walk.rank - 1u];
    int8_t *out = op->out[0].data;
    do {
        const int8_t *a = (const int8_t *)op->in[0].data + walk.offsets[0];
        const int8_t *b = (const int8_t *)op->in[1].data + walk.offsets[1];
        for (uint32_t i = 0; i < count; i++) {
            out[i] = pose_add_output(p, pose_add_term_a(p, *a), pose_add_term_b(p, *b));
            a += a_step;
            b += b_step;
        }
        out += count;
    } while (pose_broadcast_next(&walk));
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_ADD, pose_add_check, run);
