/* RESIZE_NEAREST_NEIGHBOR of any element type: the host worked out which input row and column every output pixel takes. */
#include <string.h>

#include "kernels/checks.h"
#include "kernels/params.h"

/* The positions of one dimension, NULL when they leave the image or the picture. */
static const uint16_t *positions(const struct pose_op *op, uint32_t off, uint32_t count, uint32_t size)
{
    const uint16_t *table = pose_op_const(op, off, count * (uint32_t)sizeof *table, sizeof *table);
    for (uint32_t i = 0; table != NULL && i < count; i++) {
        if (table[i] >= size) {
            return NULL;
        }
    }
    return table;
}

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_nearest_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_nearest_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    const bool shapes = in->dtype == out->dtype && in->rank == 4u && out->rank == 4u && in->dims[0] == out->dims[0] &&
                        in->dims[3] == out->dims[3] && out->dims[1] <= UINT16_MAX && out->dims[2] <= UINT16_MAX;
    return shapes && positions(op, p->rows_off, out->dims[1], in->dims[1]) != NULL &&
                   positions(op, p->columns_off, out->dims[2], in->dims[2]) != NULL
               ? POSE_OK
               : POSE_ERR_IMAGE;
}

static int run(const struct pose_op *op)
{
    const struct pose_nearest_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    const uint16_t *const rows = (const void *)(op->image + p->rows_off);
    const uint16_t *const columns = (const void *)(op->image + p->columns_off);
    const uint32_t pixel_bytes = in->dims[3] * pose_dtype_bytes(in->dtype);
    const uint32_t in_row_bytes = in->dims[2] * pixel_bytes;
    const uint32_t out_row_bytes = out->dims[2] * pixel_bytes;
    const uint8_t *picture = op->in[0].data;
    uint8_t *to = op->out[0].data;
    for (uint32_t batch = 0; batch < out->dims[0]; batch++) {
        for (uint32_t y = 0; y < out->dims[1]; y++) {
            const uint8_t *const row = picture + (size_t)rows[y] * in_row_bytes;
            if (y > 0u && rows[y] == rows[y - 1u]) {
                memcpy(to, to - out_row_bytes, out_row_bytes);
                to += out_row_bytes;
                continue;
            }
            for (uint32_t x = 0; x < out->dims[2]; x++) {
                memcpy(to, row + (size_t)columns[x] * pixel_bytes, pixel_bytes);
                to += pixel_bytes;
            }
        }
        picture += (size_t)in->dims[1] * in_row_bytes;
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_RESIZE_NEAREST_NEIGHBOR, check, run);
