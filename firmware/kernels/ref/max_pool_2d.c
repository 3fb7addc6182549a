/* MAX_POOL_2D, int8. Same bits as TFLite's reference_integer_ops::MaxPool. */
#include <string.h>

#include "kernels/pool.h"

static void take_larger(int8_t *out, const int8_t *in, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = in[i] > out[i] ? in[i] : out[i];
    }
}

static void reduce(const struct pose_pool_window *window, const struct pose_pool_params *p, int8_t *out)
{
    const int8_t *row = window->first;
    memset(out, p->act_min, window->channels);
    for (uint32_t y = 0; y < window->rows; y++) {
        for (uint32_t x = 0; x < window->columns; x++) {
            take_larger(out, row + (size_t)x * window->channels, window->channels);
        }
        row += window->row_bytes;
    }
    for (uint32_t c = 0; c < window->channels && p->act_max != INT8_MAX; c++) {
        out[c] = out[c] > p->act_max ? p->act_max : out[c];
    }
}

static int run(const struct pose_op *op)
{
    return pose_pool_run(op, reduce);
}

POSE_KERNEL(POSE_OPCODE_MAX_POOL_2D, pose_pool_check, run);
