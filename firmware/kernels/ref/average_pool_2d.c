/* AVERAGE_POOL_2D, int8: the mean of the pixels inside the picture, rounded half away from zero. Same bits as TFLite's
 * reference_integer_ops::AveragePool. */
#include "kernels/fixed_point.h"
#include "kernels/pool.h"

static void reduce(const struct pose_pool_window *window, const struct pose_pool_params *p, int8_t *out)
{
    const int32_t count = (int32_t)(window->rows * window->columns);
    for (uint32_t c = 0; c < window->channels; c++) {
        const int8_t *row = window->first + c;
        int32_t sum = 0;
        for (uint32_t y = 0; y < window->rows; y++) {
            const int8_t *value = row;
            for (uint32_t x = 0; x < window->columns; x++) {
                sum += *value;
                value += window->channels;
            }
            row += window->row_bytes;
        }
        const int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
        out[c] = (int8_t)pose_clamp(mean, p->act_min, p->act_max);
    }
}

static int run(const struct pose_op *op)
{
    return pose_pool_run(op, reduce);
}

POSE_KERNEL(POSE_OPCODE_AVERAGE_POOL_2D, pose_pool_check, run);
