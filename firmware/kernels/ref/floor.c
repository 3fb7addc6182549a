/* FLOOR, float32. */
#include "kernels/unary.h"

static float floor_of(float value)
{
    if (!(value > -0x1p23f && value < 0x1p23f) || value == 0.0f) {
        return value; /* whole already, or infinite, or NaN; zero keeps its sign */
    }
    const float whole = (float)(int32_t)value;
    return whole > value ? whole - 1.0f : whole;
}

static int run(const struct pose_op *op)
{
    POSE_UNARY_FLOAT_RUN(op, floor_of(x));
}

POSE_KERNEL_FLAGS(POSE_OPCODE_FLOOR, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_unary_float_check, run);
