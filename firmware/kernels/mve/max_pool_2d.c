/* MAX_POOL_2D, int8, with Helium: sixteen channels at a time over the whole window. Same bits as the portable kernel. */
#include <arm_mve.h>

#include "kernels/pool.h"

#define LANES 16u

static void reduce(const struct pose_pool_window *window, const struct pose_pool_params *p, int8_t *out)
{
    for (uint32_t channel = 0; channel < window->channels; channel += LANES) {
        const mve_pred16_t lanes = vctp8q(window->channels - channel);
        const int8_t *row = window->first + channel;
        int8x16_t largest = vdupq_n_s8(p->act_min);
        for (uint32_t y = 0; y < window->rows; y++) {
            const int8_t *pixel = row;
            for (uint32_t x = 0; x < window->columns; x++) {
                largest = vmaxq_s8(largest, vldrbq_z_s8(pixel, lanes));
                pixel += window->channels;
            }
            row += window->row_bytes;
        }
        vstrbq_p_s8(out + channel, vminq_s8(largest, vdupq_n_s8(p->act_max)), lanes);
    }
}

static int run(const struct pose_op *op)
{
    return pose_pool_run(op, reduce);
}

POSE_KERNEL(POSE_OPCODE_MAX_POOL_2D, pose_pool_check, run);
