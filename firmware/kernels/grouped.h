/* CONV_2D whose filters see a group of the input's channels each: the same loop for all kernel sets, around their own dot
 * product. Every group's part of a window is gathered, and meets the weights of the group's output channels. */
#ifndef POSE_KERNELS_GROUPED_H
#define POSE_KERNELS_GROUPED_H

#include <string.h>

#include "kernels/convolution.h"

/* Sum of the products of `count` values and weights; count is a multiple of 4, both are aligned to 4. */
typedef int32_t pose_grouped_dot(const int8_t *values, const int8_t *weights, int32_t count);

/* Scratch: one gathered window. */
static inline uint64_t pose_grouped_scratch_bytes(const struct pose_op *op)
{
    const struct pose_conv_params *p = op->params;
    return p->weight_stride;
}

/* The channels from `first` on, `channels` of them, of the window that starts at input (top, left). */
static inline void pose_grouped_gather(const struct pose_conv *conv, const int8_t *picture, int32_t top, int32_t left, int32_t first,
                                       int32_t channels, int8_t *window)
{
    for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
        for (int32_t kx = 0; kx < conv->kernel_w; kx++) {
            const int8_t *pixel = pose_conv_pixel(conv, picture, top + ky * conv->dilation_h, left + kx * conv->dilation_w, NULL);
            if (pixel == NULL) {
                memset(window, conv->in_zero_point, (size_t)channels);
            } else {
                memcpy(window, pixel + first, (size_t)channels);
            }
            window += channels;
        }
    }
}

static inline __attribute__((always_inline)) int pose_grouped_run(const struct pose_op *op, pose_grouped_dot dot)
{
    const struct pose_conv opened = pose_conv_open(op);
    const struct pose_conv *const conv = &opened;
    const int32_t groups = (int32_t)pose_conv_groups(op->params);
    const int32_t in_channels = conv->in_c / groups;
    const int32_t out_channels = conv->out_c / groups;
    int8_t *const window = op->scratch;
    const int8_t *picture = conv->in;
    int8_t *out = conv->out;
    memset(window, 0, (size_t)conv->weight_stride); /* the surplus of the last word stays */
    for (int32_t pixel = 0; pixel < conv->batches * conv->out_h * conv->out_w; pixel++) {
        const int32_t top = pixel / conv->out_w % conv->out_h * conv->stride_h - conv->pad_top;
        const int32_t left = pixel % conv->out_w * conv->stride_w - conv->pad_left;
        for (int32_t channel = 0; channel < conv->out_c; channel++) {
            const int8_t *weights = conv->weights + (size_t)channel * (size_t)conv->weight_stride;
            if (channel % out_channels == 0) {
                pose_grouped_gather(conv, picture, top, left, channel / out_channels * in_channels, in_channels, window);
            }
            *out++ = pose_conv_output(conv, dot(window, weights, conv->weight_stride), channel);
        }
        if ((pixel + 1) % (conv->out_h * conv->out_w) == 0) {
            picture += (size_t)conv->in_h * (size_t)conv->in_w * (size_t)conv->in_c;
        }
    }
    return POSE_OK;
}

#endif
