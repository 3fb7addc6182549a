/* What MAX_POOL_2D and AVERAGE_POOL_2D share: the check, and the part of each window that lies inside the picture. */
#ifndef POSE_KERNELS_POOL_H
#define POSE_KERNELS_POOL_H

#include "kernels/checks.h"
#include "kernels/params.h"

/* One window: `rows` x `columns` pixels of `channels` bytes from `first` on, `row_bytes` apart. */
struct pose_pool_window {
    const int8_t *first;
    uint32_t rows, columns, channels, row_bytes;
};

/* Reads a window of one channel range; writes `channels` outputs. */
typedef void (*pose_pool_reduce)(const struct pose_pool_window *window, const struct pose_pool_params *p, int8_t *out);

/* The last window starts inside the picture, the first one ends inside it. */
static inline bool pose_pool_axis_valid(uint32_t size, uint32_t out_size, uint32_t kernel, uint32_t stride, uint32_t pad)
{
    const uint64_t last = (uint64_t)(out_size - 1u) * stride;
    return kernel > 0u && stride > 0u && pad < kernel && last < (uint64_t)size + pad;
}

static inline int pose_pool_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_pool_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_pool_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    if (in->dtype != POSE_INT8 || out->dtype != POSE_INT8) {
        return POSE_ERR_OPERATOR;
    }
    const bool valid = in->rank == 4u && out->rank == 4u && in->dims[0] == out->dims[0] && in->dims[3] == out->dims[3] &&
                       (uint32_t)p->kernel_h * p->kernel_w <= POSE_POOL_MAX_WINDOW && p->act_min <= p->act_max &&
                       pose_pool_axis_valid(in->dims[1], out->dims[1], p->kernel_h, p->stride_h, p->pad_top) &&
                       pose_pool_axis_valid(in->dims[2], out->dims[2], p->kernel_w, p->stride_w, p->pad_left);
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

/* First position and number of positions of window `at` that lie inside 0..size-1; never none, by the check. */
static inline uint32_t pose_pool_clip(uint32_t at, uint32_t stride, uint32_t pad, uint32_t kernel, uint32_t size, uint32_t *count)
{
    const uint32_t start = at * stride;
    const uint32_t first = start > pad ? start - pad : 0u;
    const uint32_t end = start + kernel - pad; /* pad < kernel */
    *count = (end < size ? end : size) - first;
    return first;
}

static inline __attribute__((always_inline)) int pose_pool_run(const struct pose_op *op, pose_pool_reduce reduce)
{
    const struct pose_pool_params *p = op->params;
    const uint32_t *in_dims = op->in[0].tensor->dims;
    const uint32_t *out_dims = op->out[0].tensor->dims;
    const int8_t *picture = op->in[0].data;
    int8_t *out = op->out[0].data;
    struct pose_pool_window window = {.channels = in_dims[3], .row_bytes = in_dims[2] * in_dims[3]};
    for (uint32_t batch = 0; batch < out_dims[0]; batch++) {
        for (uint32_t y = 0; y < out_dims[1]; y++) {
            const uint32_t top = pose_pool_clip(y, p->stride_h, p->pad_top, p->kernel_h, in_dims[1], &window.rows);
            for (uint32_t x = 0; x < out_dims[2]; x++) {
                const uint32_t left = pose_pool_clip(x, p->stride_w, p->pad_left, p->kernel_w, in_dims[2], &window.columns);
                window.first = picture + (size_t)top * window.row_bytes + (size_t)left * window.channels;
                reduce(&window, p, out);
                out += window.channels;
            }
        }
        picture += (size_t)in_dims[1] * window.row_bytes;
    }
    return POSE_OK;
}

#endif
