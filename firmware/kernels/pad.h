/* PAD and PADV2 of 8-bit tensors: the output is filled with one value, then every contiguous run of the input is
 * copied to its place. */
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
    memset(out, p->value, op->out[0].tensor->bytes);
    uint32_t offset = start;
    for (uint32_t done = 0; done < op->in[0].tensor->bytes; done += run) {
        memmove(out + offset, in + done, run); /* overlap only in a malformed image, and then harmless */
        for (uint32_t i = outer; i-- > 0u;) {
            offset += strides[i];
            if (++at[i] < in_dims[i]) {
                break;
            }
            offset -= strides[i] * in_dims[i];
            at[i] = 0u;
        }
    }
    return POSE_OK;
}

#endif
