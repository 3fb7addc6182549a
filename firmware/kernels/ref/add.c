/* ADD with broadcasting: int8, float32, int32; portable C. Same bits as TFLite's reference_integer_ops::Add and
 * reference_ops::Add. */
#include "kernels/add.h"

static int run(const struct pose_op *op)
{
    return pose_arithmetic_plain(op) ? pose_add_run_plain(op) : pose_add_run_int8(op, op->params);
}

POSE_KERNEL_FLAGS(POSE_OPCODE_ADD, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_add_check, run);
