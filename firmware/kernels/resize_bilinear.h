/* What all variants of RESIZE_BILINEAR share: the check, and the walk over output pixels. As TFLite's
 * reference_ops::ResizeBilinearInteger: positions in 1/1024 of a pixel, weights in 1/2^20, rounded half away from zero. */
#ifndef POSE_KERNELS_RESIZE_BILINEAR_H
#define POSE_KERNELS_RESIZE_BILINEAR_H

#include "kernels/checks.h"
#include "kernels/fixed_point.h"
#include "kernels/params.h"

#define POSE_RESIZE_MAX_SIZE 16384u /* positions in 1/1024 pixel stay within 32 bits */

/* One output position on one axis: two input positions and the weight of the second, in 1/1024. */
struct pose_sample {
    int32_t lower, upper, weight;
};

static inline int32_t pose_resize_step(int32_t in, int32_t out, const struct pose_resize_params *p)
{
    if (p->align_corners != 0u && out > 1) {
        return (1024 * (in - 1) + (out - 1) / 2) / (out - 1);
    }
    return (1024 * in + out / 2) / out;
}

static inline struct pose_sample pose_resize_sample(int32_t position, int32_t step, int32_t in, const struct pose_resize_params *p)
{
    const int32_t scaled = position * step + (p->half_pixel_centers != 0u ? step / 2 - 512 : 0);
    const int32_t lower = scaled / 1024 > 0 ? scaled / 1024 : 0;
    const int32_t upper = (scaled + 1023) / 1024 < in - 1 ? (scaled + 1023) / 1024 : in - 1;
    return (struct pose_sample){lower, upper, scaled - 1024 * lower};
}

static inline bool pose_resize_axis_valid(uint32_t in, uint32_t out, const struct pose_resize_params *p)
{
    if (in > POSE_RESIZE_MAX_SIZE || out > POSE_RESIZE_MAX_SIZE) {
        return false;
    }
    const int32_t size = (int32_t)in;
    const int32_t step = pose_resize_step(size, (int32_t)out, p);
    if ((int64_t)step * (int64_t)out > INT32_MAX / 2) {
        return false;
    }
    /* Positions grow: the last one decides. Where the rounded step overshoots, the reference reads beyond its input. */
    return pose_resize_sample((int32_t)out - 1, step, size, p).lower < size;
}

static inline int pose_resize_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_resize_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_resize_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    if (in->dtype != POSE_INT8 || out->dtype != POSE_INT8) {
        return POSE_ERR_OPERATOR;
    }
    const bool valid = in->rank == 4u && out->rank == 4u && in->dims[0] == out->dims[0] && in->dims[3] == out->dims[3] &&
                       pose_resize_axis_valid(in->dims[1], out->dims[1], p) && pose_resize_axis_valid(in->dims[2], out->dims[2], p);
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

/* One output pixel from its four neighbours, upper left, upper right, lower left, lower right, and the weights of the lower and the right
 * ones. A weight beyond 0..1024 occurs only at an edge, where both neighbours are the same pixel: sums then leave 32 bits
 * at no point either, the largest product being 1536 * 1536 * 128. */
typedef void (*pose_blend_fn)(const int8_t *const corners[4], int32_t down, int32_t right, int32_t channels, int8_t *out);

static inline int pose_resize_run(const struct pose_op *op, pose_blend_fn blend)
{
    const struct pose_resize_params *p = op->params;
    const uint32_t *in = op->in[0].tensor->dims;
    const uint32_t *out = op->out[0].tensor->dims;
    const int32_t in_h = (int32_t)in[1];
    const int32_t in_w = (int32_t)in[2];
    const int32_t channels = (int32_t)in[3];
    const int32_t step_y = pose_resize_step(in_h, (int32_t)out[1], p);
    const int32_t step_x = pose_resize_step(in_w, (int32_t)out[2], p);
    const size_t row_bytes = (size_t)in_w * (size_t)channels;
    const int8_t *picture = op->in[0].data;
    int8_t *target = op->out[0].data;
    for (uint32_t batch = 0; batch < in[0]; batch++) {
        for (int32_t oy = 0; oy < (int32_t)out[1]; oy++) {
            const struct pose_sample y = pose_resize_sample(oy, step_y, in_h, p);
            const int8_t *const upper_row = picture + (size_t)y.lower * row_bytes;
            const int8_t *const lower_row = picture + (size_t)y.upper * row_bytes;
            for (int32_t ox = 0; ox < (int32_t)out[2]; ox++) {
                const struct pose_sample x = pose_resize_sample(ox, step_x, in_w, p);
                const int8_t *const corners[4] = {upper_row + (size_t)(x.lower * channels), upper_row + (size_t)(x.upper * channels),
                                                  lower_row + (size_t)(x.lower * channels), lower_row + (size_t)(x.upper * channels)};
                blend(corners, y.weight, x.weight, channels, target);
                target += channels;
            }
        }
        picture += (size_t)in_h * row_bytes;
    }
    return POSE_OK;
}

#endif
