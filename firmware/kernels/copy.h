/* Operators that change a tensor's shape and nothing else: RESHAPE, SQUEEZE, EXPAND_DIMS. */
#ifndef POSE_KERNELS_COPY_H
#define POSE_KERNELS_COPY_H

#include <string.h>

#include "kernels/checks.h"

static inline int pose_copy_check(const struct pose_op *op)
{
    /* The shape operand became the output's shape when the network was compiled; there are no parameters. */
    const int status = pose_check_op(op, 1u, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    return in->dtype == out->dtype && in->bytes == out->bytes ? POSE_OK : POSE_ERR_IMAGE;
}

static inline int pose_copy_run(const struct pose_op *op)
{
    if (op->out[0].data != op->in[0].data) {
        memcpy(op->out[0].data, op->in[0].data, op->out[0].tensor->bytes);
    }
    return POSE_OK;
}

#endif
