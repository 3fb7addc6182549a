/* LOGISTIC, int8: a table of the 256 results. */
#include "kernels/table.h"

#define OPCODE_LOGISTIC 14

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_table_params));
    if (status != POSE_OK) {
        return status;
    }
    if (op->in[0].tensor->dtype != POSE_INT8 || op->out[0].tensor->dtype != POSE_INT8) {
        return POSE_ERR_OPERATOR;
    }
    const struct pose_table_params *p = op->params;
    return pose_table_check(op, p->table_off);
}

static int run(const struct pose_op *op)
{
    const struct pose_table_params *p = op->params;
    return pose_table_run(op, p->table_off);
}

POSE_KERNEL_FLAGS(OPCODE_LOGISTIC, POSE_OP_IN_PLACE, check, run);
