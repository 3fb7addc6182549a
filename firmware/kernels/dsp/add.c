/* ADD with broadcasting: int8 through tables of both inputs' terms, float32, int32. Same bits as the portable kernel. */
#include "kernels/dsp/add_tables.h"

static int run(const struct pose_op *op)
{
    return pose_arithmetic_plain(op) ? pose_add_run_plain(op) : pose_add_run_tables(op, *(const struct pose_add_params *)op->params);
}

POSE_KERNEL_FLAGS(POSE_OPCODE_ADD, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_add_tables_check, run);
