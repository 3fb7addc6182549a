/* NEG of int8 (a table), int32 or float32; the smallest int32 stays. */
#include "kernels/unary.h"

static int run(const struct pose_op *op)
{
    POSE_UNARY_NUMBER_RUN(op, -x, (int32_t)(0u - (uint32_t)x));
}

POSE_KERNEL_FLAGS(POSE_OPCODE_NEG, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_unary_number_check, run);
