/* SPLIT and SPLIT_V of any element type into equal or unequal parts. */
#ifndef POSE_KERNELS_SPLIT_H
#define POSE_KERNELS_SPLIT_H

#include "kernels/joints.h"

static inline int pose_split_check(const struct pose_op *op)
{
    const uint32_t count = op->desc->output_count;
    const int status = pose_check_op(op, 1u, count, sizeof(struct pose_axis_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_axis_params *p = op->params;
    return count > 0u && pose_joints_valid(&op->in[0], op->out, count, p->axis) ? POSE_OK : POSE_ERR_IMAGE;
}

static inline int pose_split_run(const struct pose_op *op)
{
    const struct pose_axis_params *p = op->params;
    const uint32_t rows = pose_joints_rows(op->in[0].tensor, p->axis);
    const uint32_t in_bytes = op->in[0].tensor->bytes / rows;
    const uint8_t *start = op->in[0].data;
    for (uint32_t k = 0; k < op->desc->output_count; k++) {
        const uint32_t bytes = op->out[k].tensor->bytes / rows;
        const uint8_t *in = start;
        uint8_t *out = op->out[k].data;
        for (uint32_t row = 0; row < rows; row++) {
            memcpy(out, in, bytes);
            in += in_bytes;
            out += bytes;
        }
        start += bytes;
    }
    return POSE_OK;
}

#endif
