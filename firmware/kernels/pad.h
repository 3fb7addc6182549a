/* PAD and PADV2 of 8-bit tensors. From the last to the first, every contiguous run of the input is moved to its place and the
 * gap behind it is filled. A run never moves to a lower offset, so the output may start where the input does: what is
 * written lies behind everything that is still to be read. */
#ifndef POSE_KERNELS_PAD_H
#define POSE_KERNELS_PAD_H

#include <string.h>

#include "kernels/checks.h"
#include "kernels/params.h"

static inline int pose_pad_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_pad_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_pad_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    if (in->dtype != out->dtype || pose_dtype_bytes(in->dtype) != 1u) {
        return POSE_ERR_OPERATOR;
    }
    for (uint32_t i = 0; i < POSE_IMAGE_MAX_RANK; i++) {
        if (out->dims[i] < p->before[i] || out->dims[i] - p->before[i] < in->dims[i]) {
            return POSE_ERR_IMAGE;
        }
    }
    return in->rank == out->rank ? POSE_OK : POSE_ERR_IMAGE;
}

static inline int pose_pad_run(const struct pose_op *op)
{
    const struct pose_pad_params *p = op->params;
    const uint32_t *in_dims = op->in[0].tensor->dims;
    const uint32_t *out_dims = op->out[0].tensor->dims;
    uint32_t strides[POSE_IMAGE_MAX_RANK]; /* of the output */
    uint32_t at[POSE_IMAGE_MAX_RANK] = {0};
    uint32_t start = 0;
    uint32_t stride = 1;
    for (uint32_t i = POSE_IMAGE_MAX_RANK; i-- > 0u;) {
        strides[i] = stride;
        start += p->before[i] * stride;
        stride *= out_dims[i];
    }
    /* Inner dimensions that are not padded belong to one run with the innermost one that is. */
    uint32_t outer = POSE_IMAGE_MAX_RANK;
    uint32_t run = 1;
    do {
        outer--;
        run *= in_dims[outer];
    } while (outer > 0u && in_dims[outer] == out_dims[outer]);

    const uint8_t *in = op->in[0].data;
    uint8_t *const out = op->out[0].data;
    uint32_t end = op->out[0].tensor->bytes; /* everything from here on is done */
    uint32_t offset = start;
    for (uint32_t i = 0; i < outer; i++) {
        at[i] = in_dims[i] - 1u;
        offset += strides[i] * at[i];
    }
    for (uint32_t left = op->in[0].tensor->bytes; left > 0u; left -= run) {
        memset(out + offset + run, p->value, end - offset - run);
        memmove(out + offset, in + left - run, run);
        end = offset;
        for (uint32_t i = outer; i-- > 0u;) {
            if (at[i]-- > 0u) {
                offset -= strides[i];
                break;
            }
            at[i] = in_dims[i] - 1u;
            offset += strides[i] * at[i];
        }
    }
    memset(out, p->value, end);
    return POSE_OK;
}

#endif
