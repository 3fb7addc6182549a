/* GATHER_ND: copies the slices of a tensor that int32 indices [..., depth] select by its first `depth` dimensions.
 * An index may be computed by the network: run() refuses one outside the tensor. */
#include <string.h>

#include "kernels/checks.h"

/* How many leading dimensions an index selects; 0 when the indices have no dimension. */
static uint32_t index_depth(const struct pose_image_tensor *indices)
{
    return indices->rank == 0u ? 0u : indices->dims[indices->rank - 1u];
}

/* The output's shape is that of the indices without the last dimension, then that of a slice. */
static bool shapes_fit(const struct pose_image_tensor *in, const struct pose_image_tensor *indices, const struct pose_image_tensor *out)
{
    const uint32_t depth = index_depth(indices);
    if (depth == 0u || depth > in->rank || out->rank != indices->rank - 1u + in->rank - depth) {
        return false;
    }
    for (uint32_t i = 0; i < out->rank; i++) {
        const bool outer = i < indices->rank - 1u;
        if (out->dims[i] != (outer ? indices->dims[i] : in->dims[depth + i - (indices->rank - 1u)])) {
            return false;
        }
    }
    return true;
}

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    const uint8_t dtype = op->in[0].tensor->dtype;
    if (op->in[1].tensor->dtype != POSE_INT32 || op->out[0].tensor->dtype != dtype) {
        return POSE_ERR_OPERATOR;
    }
    return shapes_fit(op->in[0].tensor, op->in[1].tensor, op->out[0].tensor) ? POSE_OK : POSE_ERR_IMAGE;
}

static int run(const struct pose_op *op)
{
    const uint32_t *dims = op->in[0].tensor->dims;
    const uint32_t depth = index_depth(op->in[1].tensor);
    const int32_t *index = op->in[1].data;
    uint32_t slice_bytes = op->in[0].tensor->bytes;
    for (uint32_t i = 0; i < depth; i++) {
        slice_bytes /= dims[i];
    }
    uint8_t *out = op->out[0].data;
    for (uint32_t left = op->out[0].tensor->bytes / slice_bytes; left > 0u; left--) {
        uint32_t slice = 0;
        for (uint32_t i = 0; i < depth; i++, index++) {
            if (*index < 0 || (uint32_t)*index >= dims[i]) {
                return POSE_ERR_PARAM;
            }
            slice = slice * dims[i] + (uint32_t)*index;
        }
        memcpy(out, (const uint8_t *)op->in[0].data + (size_t)slice * slice_bytes, slice_bytes);
        out += slice_bytes;
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_GATHER_ND, check, run);
