/* QUANTIZE to 8 bits. */
#include "kernels/quantize.h"

static int run(const struct pose_op *op)
{
    const struct pose_affine_params *p = op->params;
    if (op->in[0].tensor->dtype != POSE_FLOAT32) {
        return pose_table_run(op, p->table_off);
    }
    pose_quantize_floats(op->in[0].data, pose_elements(&op->in[0]), p, op->out[0].tensor->dtype == POSE_INT8, op->out[0].data);
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_QUANTIZE, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_quantize_check, run);
