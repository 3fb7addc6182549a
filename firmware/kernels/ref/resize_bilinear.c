/* RESIZE_BILINEAR, int8. */
#include "kernels/resize_bilinear.h"

static void blend(const int8_t *const corners[4], int32_t down, int32_t right, int32_t channels, int8_t *out)
{
    const int32_t weights[4] = {(1024 - down) * (1024 - right), (1024 - down) * right, down * (1024 - right), down * right};
    for (int32_t c = 0; c < channels; c++) {
        const int32_t sum = corners[0][c] * weights[0] + corners[1][c] * weights[1] + corners[2][c] * weights[2] +
                            corners[3][c] * weights[3];
        out[c] = (int8_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
    }
}

static int run(const struct pose_op *op)
{
    return pose_resize_run(op, blend);
}

POSE_KERNEL(POSE_OPCODE_RESIZE_BILINEAR, pose_resize_check, run);
