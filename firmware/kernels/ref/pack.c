/* PACK: n tensors of one shape become one with a new dimension of size n. */
#include <string.h>

#include "kernels/axis.h"
#include "kernels/params.h"

static int check(const struct pose_op *op)
{
    const uint32_t parts = op->desc->input_count;
    const int status = pose_check_op(op, parts, 1u, sizeof(struct pose_dimension_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_dimension_params *p = op->params;
    const struct pose_image_tensor *out = op->out[0].tensor;
    if (p->axis >= out->rank || out->dims[p->axis] != parts) {
        return POSE_ERR_IMAGE;
    }
    for (uint32_t i = 0; i < parts; i++) {
        if (op->in[i].tensor->dtype != out->dtype || !pose_axis_removed(out, op->in[i].tensor, p->axis)) {
            return POSE_ERR_IMAGE;
        }
    }
    return POSE_OK;
}

static int run(const struct pose_op *op)
{
    const struct pose_dimension_params *p = op->params;
    const struct pose_axis axis = pose_axis_open(op->out[0].tensor, p->axis);
    const size_t bytes = (size_t)axis.inner * pose_dtype_bytes(op->out[0].tensor->dtype);
    uint8_t *out = op->out[0].data;
    for (uint32_t o = 0; o < axis.outer; o++) {
        for (uint32_t i = 0; i < axis.size; i++, out += bytes) {
            memcpy(out, (const uint8_t *)op->in[i].data + o * bytes, bytes);
        }
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_PACK, check, run);
