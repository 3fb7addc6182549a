/* MIRROR_PAD of any element type: what lies around a dimension is its mirror image, with the edge or without. */
#include <string.h>

#include "kernels/checks.h"
#include "kernels/params.h"

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_mirror_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_mirror_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    if (in->dtype != out->dtype || in->rank != out->rank || p->symmetric > 1u) {
        return POSE_ERR_IMAGE;
    }
    for (uint32_t i = 0; i < POSE_IMAGE_MAX_RANK; i++) {
        const uint32_t most = in->dims[i] - 1u + p->symmetric;
        if (p->before[i] > most || out->dims[i] < in->dims[i] + p->before[i] || out->dims[i] - in->dims[i] - p->before[i] > most) {
            return POSE_ERR_IMAGE;
        }
    }
    return POSE_OK;
}

/* Which element of dimension i the output's element `at` is. */
static uint32_t mirrored(const struct pose_op *op, uint32_t i, uint32_t at)
{
    const struct pose_mirror_params *p = op->params;
    const uint32_t size = op->in[0].tensor->dims[i];
    if (at < p->before[i]) {
        return p->before[i] - at - p->symmetric;
    }
    const uint32_t inside = at - p->before[i];
    return inside < size ? inside : 2u * size - 2u + p->symmetric - inside;
}

/* One run along dimension `last`. */
static void copy_run(const struct pose_op *op, uint32_t last, const uint8_t *in, uint8_t *out)
{
    const uint32_t bytes = pose_dtype_bytes(op->out[0].tensor->dtype);
    const uint32_t count = op->out[0].tensor->dims[last];
    if (count == op->in[0].tensor->dims[last]) {
        memcpy(out, in, (size_t)count * bytes);
        return;
    }
    for (uint32_t at = 0; at < count; at++, out += bytes) {
        memcpy(out, in + (size_t)mirrored(op, last, at) * bytes, bytes);
    }
}

static int run(const struct pose_op *op)
{
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    const uint32_t bytes = pose_dtype_bytes(in->dtype);
    const uint32_t last = in->rank == 0u ? 0u : in->rank - 1u; /* dimension of the runs; those before it are around them */
    const size_t run_bytes = (size_t)out->dims[last] * bytes;
    uint32_t at[POSE_IMAGE_MAX_RANK] = {0};
    uint8_t *to = op->out[0].data;
    const uint8_t *const end = to + out->bytes;
    for (; to != end; to += run_bytes) {
        uint32_t from = 0;
        for (uint32_t i = 0; i < last; i++) {
            from = from * in->dims[i] + mirrored(op, i, at[i]);
        }
        copy_run(op, last, (const uint8_t *)op->in[0].data + (size_t)from * in->dims[last] * bytes, to);
        for (uint32_t i = last; i-- > 0u;) {
            if (++at[i] < out->dims[i]) {
                break;
            }
            at[i] = 0u;
        }
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_MIRROR_PAD, check, run);
