/* GATHER along one dimension of any element type by int32 or int64 indices. An index may be computed by the network: run()
 * refuses one outside the tensor. */
#include <string.h>

#include "kernels/checks.h"
#include "kernels/params.h"

/* The output's shape is the input's with dimension `axis` replaced by the indices' dimensions from `batch_dims` on. */
static bool shapes_fit(const struct pose_op *op, const struct pose_gather_params *p)
{
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *indices = op->in[1].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    if (p->axis >= in->rank || p->batch_dims > p->axis || p->batch_dims > indices->rank ||
        out->rank + 1u + p->batch_dims != in->rank + indices->rank) {
        return false;
    }
    const uint32_t added = indices->rank - p->batch_dims;
    for (uint32_t i = 0; i < p->batch_dims; i++) {
        if (in->dims[i] != indices->dims[i]) {
            return false;
        }
    }
    for (uint32_t i = 0; i < out->rank; i++) {
        const uint32_t size = i < p->axis           ? in->dims[i]
                              : i < p->axis + added ? indices->dims[i - p->axis + p->batch_dims]
                                                    : in->dims[i - added + 1u];
        if (out->dims[i] != size) {
            return false;
        }
    }
    return true;
}

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, sizeof(struct pose_gather_params));
    if (status != POSE_OK) {
        return status;
    }
    const uint8_t indices = op->in[1].tensor->dtype;
    if ((indices != POSE_INT32 && indices != POSE_INT64) || op->out[0].tensor->dtype != op->in[0].tensor->dtype) {
        return POSE_ERR_OPERATOR;
    }
    return shapes_fit(op, op->params) ? POSE_OK : POSE_ERR_IMAGE;
}

static uint32_t product(const uint32_t *dims, uint32_t first, uint32_t end)
{
    uint32_t total = 1;
    for (uint32_t i = first; i < end; i++) {
        total *= dims[i];
    }
    return total;
}

static int run(const struct pose_op *op)
{
    const struct pose_gather_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *indices = op->in[1].tensor;
    const uint32_t batches = product(in->dims, 0u, p->batch_dims);
    const uint32_t outer = product(in->dims, p->batch_dims, p->axis);
    const uint32_t size = in->dims[p->axis];
    const uint32_t count = product(indices->dims, p->batch_dims, indices->rank);
    const uint32_t bytes = product(in->dims, p->axis + 1u, in->rank) * pose_dtype_bytes(in->dtype);
    const uint8_t *from = op->in[0].data;
    uint8_t *out = op->out[0].data;
    for (uint32_t batch = 0; batch < batches; batch++) {
        for (uint32_t o = 0; o < outer; o++, from += (size_t)size * bytes) {
            for (uint32_t i = batch * count; i < (batch + 1u) * count; i++, out += bytes) {
                const int64_t index = indices->dtype == POSE_INT32 ? ((const int32_t *)op->in[1].data)[i]
                                                                   : ((const int64_t *)op->in[1].data)[i];
                if (index < 0 || index >= (int64_t)size) {
                    return POSE_ERR_PARAM;
                }
                memcpy(out, from + (size_t)index * bytes, bytes);
            }
        }
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_GATHER, check, run);
