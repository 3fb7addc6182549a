/* SQRT, float32: correctly rounded, one instruction. A negative number gives NaN. */
#include <math.h>

#include "kernels/checks.h"

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    if (op->in[0].tensor->dtype != POSE_FLOAT32 || op->out[0].tensor->dtype != POSE_FLOAT32) {
        return POSE_ERR_OPERATOR;
    }
    return pose_same_shape(&op->in[0], &op->out[0]) ? POSE_OK : POSE_ERR_IMAGE;
}

static int run(const struct pose_op *op)
{
    const float *const in = op->in[0].data;
    float *const out = op->out[0].data;
    const uint32_t count = pose_elements(&op->in[0]);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = sqrtf(in[i]);
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_SQRT, POSE_OP_IN_PLACE, check, run);
