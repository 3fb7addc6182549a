/* MINIMUM of int8, int32 or float32 with broadcasting, as TFLite's reference kernels: stored values are compared as they are. */
#include "kernels/extremum.h"

static int run(const struct pose_op *op)
{
    POSE_EXTREMUM_RUN(op, b < a ? b : a);
}

POSE_KERNEL_FLAGS(POSE_OPCODE_MINIMUM, POSE_OP_IN_PLACE, pose_extremum_check, run);
