/* MUL with broadcasting: int8, float32, int32. Same bits as TFLite's reference_integer_ops::Mul and reference_ops::Mul. */
#include "kernels/mul.h"

static int run(const struct pose_op *op)
{
    return pose_arithmetic_plain(op) ? pose_mul_run_plain(op) : pose_mul_run_int8(op);
}

POSE_KERNEL_FLAGS(POSE_OPCODE_MUL, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_mul_check, run);
