/* Runs of element-wise operators on int8 with broadcasting, long enough for vectors: where every row of the first input meets the
 * same few values of the second (a scale for each of three channels), these are written out many times, and many rows
 * are one run. */
#ifndef POSE_KERNELS_MVE_RUNS_H
#define POSE_KERNELS_MVE_RUNS_H

#include <string.h>

#include "kernels/broadcast.h"

#define POSE_MVE_REPEATED 256u /* bytes of them at most */

/* `count` elements of both inputs, `a_step` and `b_step` (0 or 1) apart, to `out`. */
typedef void (*pose_mve_run_fn)(const void *constants, const int8_t *a, uint32_t a_step, const int8_t *b, uint32_t b_step, uint32_t count,
                                int8_t *out);

static inline void pose_mve_rows(const void *constants, const struct pose_op *op, uint32_t rows, uint32_t count, pose_mve_run_fn run)
{
    int8_t repeated[POSE_MVE_REPEATED];
    const uint32_t most = POSE_MVE_REPEATED / count;
    const int8_t *a = op->in[0].data;
    int8_t *out = op->out[0].data;
    for (uint32_t i = 0; i < most; i++) {
        memcpy(repeated + i * count, op->in[1].data, count);
    }
    while (rows != 0u) {
        const uint32_t now = rows < most ? rows : most;
        run(constants, a, 1u, repeated, 1u, now * count, out);
        a += now * count;
        out += now * count;
        rows -= now;
    }
}

/* All elements of an operator whose shapes pose_broadcast_valid() accepted. */
static inline void pose_mve_runs(const void *constants, const struct pose_op *op, pose_mve_run_fn run)
{
    POSE_BROADCAST_OPEN(op);
    if (walk_.rank == 2u && a_step == 1u && b_step == 1u && walk_.steps[0][0] == count && walk_.steps[1][0] == 0u &&
        count <= POSE_MVE_REPEATED / 2u) {
        pose_mve_rows(constants, op, walk_.sizes[0], count, run);
        return;
    }
    int8_t *out = op->out[0].data;
    POSE_BROADCAST_RUNS(op, int8_t, {
        run(constants, a_at, a_step, b_at, b_step, count, out);
        out += count;
    });
}

#endif
