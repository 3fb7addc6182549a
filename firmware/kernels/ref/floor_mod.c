/* FLOOR_MOD of int32 with broadcasting: what is left has the divisor's sign. A divisor may be computed by the network: run()
 * refuses a 0. */
#include "kernels/broadcast.h"

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    if (op->in[0].tensor->dtype != POSE_INT32 || op->in[1].tensor->dtype != POSE_INT32 || op->out[0].tensor->dtype != POSE_INT32) {
        return POSE_ERR_OPERATOR;
    }
    return pose_broadcast_valid(op) ? POSE_OK : POSE_ERR_IMAGE;
}

/* b is not 0. */
static int32_t floor_rest(int32_t a, int32_t b)
{
    if (b == -1) {
        return 0; /* the smallest number by -1 has no quotient */
    }
    const int32_t rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static int run(const struct pose_op *op)
{
    POSE_BROADCAST(op, int32_t, int32_t, {
        for (uint32_t i = 0; i < count; i++) {
            if (*b_at == 0) {
                return POSE_ERR_PARAM;
            }
            *out++ = floor_rest(*a_at, *b_at);
            a_at += a_step;
            b_at += b_step;
        }
    });
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_FLOOR_MOD, check, run);
