/* UNPACK: a dimension of size n is taken away, its n slices become n tensors. */
#include <string.h>

#include "kernels/axis.h"
#include "kernels/params.h"

static int check(const struct pose_op *op)
{
    const uint32_t parts = op->desc->output_count;
    const int status = pose_check_op(op, 1u, parts, sizeof(struct pose_dimension_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_dimension_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    if (p->axis >= in->rank || in->dims[p->axis] != parts) {
        return POSE_ERR_IMAGE;
    }
    if (parts > 1u && op->out[0].data == op->in[0].data) {
        return POSE_ERR_IMAGE;
    }
    for (uint32_t i = 0; i < parts; i++) {
        if (op->out[i].tensor->dtype != in->dtype || !pose_axis_removed(in, op->out[i].tensor, p->axis)) {
            return POSE_ERR_IMAGE;
        }
    }
    return POSE_OK;
}

static int run(const struct pose_op *op)
{
    const struct pose_dimension_params *p = op->params;
    const struct pose_axis axis = pose_axis_open(op->in[0].tensor, p->axis);
    const size_t bytes = (size_t)axis.inner * pose_dtype_bytes(op->in[0].tensor->dtype);
    const uint8_t *in = op->in[0].data;
    for (uint32_t o = 0; o < axis.outer; o++) {
        for (uint32_t i = 0; i < axis.size; i++, in += bytes) {
            if (op->out[i].data != op->in[0].data) { /* in place there is one part, the whole */
                memcpy((uint8_t *)op->out[i].data + o * bytes, in, bytes);
            }
        }
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_UNPACK, POSE_OP_IN_PLACE, check, run);
