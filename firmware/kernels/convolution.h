/* What CONV_2D and DEPTHWISE_CONV_2D share: checked geometry, pointers to the constants, and the check itself. */
#ifndef POSE_KERNELS_CONVOLUTION_H
#define POSE_KERNELS_CONVOLUTION_H

#include "kernels/checks.h"
#include "kernels/fixed_point.h"
#include "kernels/params.h"

/* Everything run() needs, as int32_t (check() bounds every size, so that positions and sums of them fit). */
struct pose_conv {
    const int8_t *in, *weights;
    int8_t *out;
    const int32_t *bias, *multipliers;
    const int8_t *shifts;
    int32_t batches, in_h, in_w, in_c, out_h, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    int32_t weight_stride, depth_multiplier;
    int32_t tile_rows, block_pixels;
    int32_t out_zero_point, act_min, act_max;
    int8_t in_zero_point;
    bool right_shifts;
};

static inline uint32_t pose_conv_rows(uint32_t out_c)
{
    return (out_c + POSE_CONV_ROW_GROUP - 1u) / POSE_CONV_ROW_GROUP * POSE_CONV_ROW_GROUP;
}

/* Groups of channels of a CONV_2D: how many parts its input's channels are taken in. */
static inline uint32_t pose_conv_groups(const struct pose_conv_params *p)
{
    return p->depth_multiplier > 1u ? p->depth_multiplier : 1u;
}

/* Of a CONV_2D of all channels: whether its channels can be taken tile by tile, its gathered pixels block by block. */
static inline bool pose_conv_tile_valid(const struct pose_op *op)
{
    const struct pose_conv_params *p = op->params;
    const uint32_t rows = pose_conv_rows(op->out[0].tensor->dims[3]);
    return p->tile_rows != 0u && (p->tile_rows == rows || (p->tile_rows < rows && p->tile_rows % POSE_CONV_TILE_GROUP == 0u)) &&
           p->block_pixels != 0u && p->block_pixels % 2u == 0u && p->block_pixels <= POSE_CONV_MAX_BLOCK_PIXELS;
}

static inline struct pose_conv pose_conv_open(const struct pose_op *op)
{
    const struct pose_conv_params *p = op->params;
    const uint32_t *in = op->in[0].tensor->dims;
    const uint32_t *out = op->out[0].tensor->dims;
    return (struct pose_conv){
        .in = op->in[0].data,
        .weights = (const int8_t *)(op->image + p->weights_off),
        .out = op->out[0].data,
        .bias = (const int32_t *)(const void *)(op->image + p->bias_off),
        .multipliers = (const int32_t *)(const void *)(op->image + p->multipliers_off),
        .shifts = (const int8_t *)(op->image + p->shifts_off),
        .batches = (int32_t)in[0],
        .in_h = (int32_t)in[1],
        .in_w = (int32_t)in[2],
        .in_c = (int32_t)in[3],
        .out_h = (int32_t)out[1],
        .out_w = (int32_t)out[2],
        .out_c = (int32_t)out[3],
        .kernel_h = p->kernel_h,
        .kernel_w = p->kernel_w,
        .stride_h = p->stride_h,
        .stride_w = p->stride_w,
        .dilation_h = p->dilation_h,
        .dilation_w = p->dilation_w,
        .pad_top = p->pad_top,
        .pad_left = p->pad_left,
        .weight_stride = (int32_t)p->weight_stride,
        .depth_multiplier = p->depth_multiplier,
        .tile_rows = p->tile_rows,
        .block_pixels = p->block_pixels,
        .out_zero_point = p->out_zero_point,
        .act_min = p->act_min,
        .act_max = p->act_max,
        .in_zero_point = p->in_zero_point,
        .right_shifts = (p->flags & POSE_CONV_RIGHT_SHIFTS) != 0u,
    };
}

/* One dimension's window: every position it visits, and the way there, stays within +-2^30. */
static inline bool pose_conv_axis_valid(uint32_t in, uint32_t out, uint16_t kernel, uint16_t stride, uint16_t dilation)
{
    const uint64_t reach = (uint64_t)out * stride + (uint64_t)kernel * dilation;
    return kernel != 0u && stride != 0u && dilation != 0u && in < (1u << 30) && reach < (1u << 30);
}

static inline int pose_conv_check_constants(const struct pose_op *op, uint64_t weights_bytes)
{
    const struct pose_conv_params *p = op->params;
    const uint32_t out_c = op->out[0].tensor->dims[3];
    const uint32_t rows = pose_conv_rows(out_c);
    if (out_c > POSE_CONV_MAX_TAPS || weights_bytes > INT32_MAX || p->act_min > p->act_max ||
        pose_op_const(op, p->weights_off, (uint32_t)weights_bytes, 4u) == NULL || pose_op_const(op, p->bias_off, rows * 4u, 4u) == NULL) {
        return POSE_ERR_IMAGE;
    }
    const int32_t *multipliers = pose_op_const(op, p->multipliers_off, rows * 4u, 4u);
    const int8_t *shifts = pose_op_const(op, p->shifts_off, rows, 1u);
    if (multipliers == NULL || shifts == NULL) {
        return POSE_ERR_IMAGE;
    }
    const bool right_shifts = (p->flags & POSE_CONV_RIGHT_SHIFTS) != 0u;
    for (uint32_t i = 0; i < rows; i++) {
        if (!pose_requant_valid(multipliers[i], shifts[i]) || (right_shifts && shifts[i] > -1)) {
            return POSE_ERR_IMAGE;
        }
    }
    return POSE_OK;
}

/* The part of check() that both operators share; `depthwise` says which of the two weight layouts to expect. */
static inline int pose_conv_check(const struct pose_op *op, bool depthwise)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_conv_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_conv_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    const struct pose_image_tensor *out = op->out[0].tensor;
    if (in->dtype != POSE_INT8 || out->dtype != POSE_INT8 || in->rank != 4u || out->rank != 4u || in->dims[0] != out->dims[0] ||
        !pose_conv_axis_valid(in->dims[1], out->dims[1], p->kernel_h, p->stride_h, p->dilation_h) ||
        !pose_conv_axis_valid(in->dims[2], out->dims[2], p->kernel_w, p->stride_w, p->dilation_w)) {
        return POSE_ERR_IMAGE;
    }
    const uint32_t window = (uint32_t)p->kernel_h * p->kernel_w;
    if (depthwise) {
        const uint64_t out_c = (uint64_t)in->dims[3] * p->depth_multiplier;
        if (p->depth_multiplier == 0u || out->dims[3] != out_c || p->weight_stride != out_c || window > POSE_DEPTHWISE_MAX_WINDOW) {
            return POSE_ERR_IMAGE;
        }
        return pose_conv_check_constants(op, window * out_c);
    }
    const uint32_t groups = pose_conv_groups(p);
    const uint64_t taps = (uint64_t)window * (in->dims[3] / groups);
    if (p->depth_multiplier == 1u || in->dims[3] % groups != 0u || out->dims[3] % groups != 0u || taps > POSE_CONV_MAX_TAPS ||
        p->weight_stride != (taps + 3u) / 4u * 4u) {
        return POSE_ERR_IMAGE;
    }
    return pose_conv_check_constants(op, (uint64_t)pose_conv_rows(out->dims[3]) * p->weight_stride);
}

/* The sum of products and the bias to one stored output value. */
static inline int8_t pose_conv_output(const struct pose_conv *conv, int32_t sum, int32_t channel)
{
    const int32_t scaled = pose_requantize(pose_wrap_add(sum, conv->bias[channel]), conv->multipliers[channel], conv->shifts[channel]);
    return (int8_t)pose_clamp(pose_wrap_add(scaled, conv->out_zero_point), conv->act_min, conv->act_max);
}

/* First byte of the input pixel at (row, column), or `padding` (in_c bytes of zero points) outside the picture. */
static inline const int8_t *pose_conv_pixel(const struct pose_conv *conv, const int8_t *picture, int32_t row, int32_t column,
                                            const int8_t *padding)
{
    if (row < 0 || row >= conv->in_h || column < 0 || column >= conv->in_w) {
        return padding;
    }
    return picture + ((size_t)row * (size_t)conv->in_w + (size_t)column) * (size_t)conv->in_c;
}

/* The addresses of all pixels of the window that starts at (top, left), row by row. */
static inline void pose_conv_window(const struct pose_conv *conv, const int8_t *picture, int32_t top, int32_t left, const int8_t *padding,
                                    const int8_t **pixels)
{
    for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
        const int32_t row = top + ky * conv->dilation_h;
        const bool inside = row >= 0 && row < conv->in_h;
        const int8_t *const start = picture + (inside ? (size_t)row * (size_t)conv->in_w * (size_t)conv->in_c : 0u);
        int32_t column = left;
        for (int32_t kx = 0; kx < conv->kernel_w; kx++) {
            const bool visible = inside && column >= 0 && column < conv->in_w;
            *pixels++ = visible ? start + (size_t)column * (size_t)conv->in_c : padding;
            column += conv->dilation_w;
        }
    }
}

#endif
