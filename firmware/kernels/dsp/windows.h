/* Windows of CONV_2D for the DSP kernels: widened to 16 bits where the picture's pixels are whole words, gathered as bytes
 * first where they are not. */
#ifndef POSE_KERNELS_DSP_WINDOWS_H
#define POSE_KERNELS_DSP_WINDOWS_H

#include <string.h>

#include "kernels/convolution.h"
#include "kernels/dsp/dot.h"

/* `step` is a constant: a macro, because the instruction has it in itself. */
#define POSE_WIDEN_BY(bytes, groups, to, step)                                   \
    for (const int8_t *const end = (bytes) + (groups) * 4; (bytes) != end;) {    \
        const uint32_t word = pose_load4(bytes);                                 \
        POSE_STORE_PAIRS(to, pose_even_bytes(word), pose_odd_bytes(word), step); \
        (bytes) += 4;                                                            \
    }

/* Widens `groups` words into every `step`-th double word; returns where the next one belongs. */
static __attribute__((noinline)) uint64_t *pose_widen(const int8_t *bytes, int32_t groups, uint64_t *to, int32_t step)
{
    if (step == POSE_MANY) {
#pragma GCC unroll 2
        POSE_WIDEN_BY(bytes, groups, to, POSE_MANY)
    } else if (step == POSE_SOME) {
        POSE_WIDEN_BY(bytes, groups, to, POSE_SOME)
    } else {
#pragma GCC unroll 2
        POSE_WIDEN_BY(bytes, groups, to, 1)
    }
    return to;
}

/* The same of words that are zero points. */
static inline uint64_t *pose_widen_padding(int8_t zero_point, int32_t groups, uint64_t *to, int32_t step)
{
    const uint64_t padding = pose_widen4((uint8_t)zero_point * 0x01010101u);
    for (int32_t g = 0; g < groups; g++) {
        *to = padding;
        to += step;
    }
    return to;
}

/* One row of a window whose pixels are whole words. */
static inline uint64_t *pose_widen_row(const struct pose_conv *conv, const int8_t *picture, int32_t row, int32_t left, uint64_t *to,
                                       int32_t step)
{
    const int32_t groups = conv->in_c / 4;
    if (row < 0 || row >= conv->in_h) {
        return pose_widen_padding(conv->in_zero_point, conv->kernel_w * groups, to, step);
    }
    if (left >= 0 && left + conv->kernel_w <= conv->in_w && conv->dilation_w == 1) {
        return pose_widen(pose_conv_pixel(conv, picture, row, left, NULL), conv->kernel_w * groups, to, step);
    }
    for (int32_t kx = 0; kx < conv->kernel_w; kx++) {
        const int8_t *pixel = pose_conv_pixel(conv, picture, row, left + kx * conv->dilation_w, NULL);
        to = pixel == NULL ? pose_widen_padding(conv->in_zero_point, groups, to, step) : pose_widen(pixel, groups, to, step);
    }
    return to;
}

/* Rows of a few bytes: a call of memcpy() would cost more. */
static inline int8_t *pose_copy_few(int8_t *to, const int8_t *from, int32_t count)
{
    for (; count >= 4; count -= 4) {
        memcpy(to, from, 4);
        to += 4;
        from += 4;
    }
    for (; count > 0; count--) {
        *to++ = *from++;
    }
    return to;
}

/* One row of a window of any pixels, as bytes. */
static inline int8_t *pose_gather_row(const struct pose_conv *conv, const int8_t *picture, int32_t row, int32_t left, int8_t *to)
{
    const int32_t row_bytes = conv->kernel_w * conv->in_c;
    if (row < 0 || row >= conv->in_h) {
        memset(to, conv->in_zero_point, (size_t)row_bytes);
        return to + row_bytes;
    }
    if (left >= 0 && left + conv->kernel_w <= conv->in_w && conv->dilation_w == 1) {
        return pose_copy_few(to, pose_conv_pixel(conv, picture, row, left, NULL), row_bytes);
    }
    for (int32_t kx = 0; kx < conv->kernel_w; kx++) {
        const int8_t *pixel = pose_conv_pixel(conv, picture, row, left + kx * conv->dilation_w, NULL);
        if (pixel == NULL) {
            memset(to, conv->in_zero_point, (size_t)conv->in_c);
            to += conv->in_c;
        } else {
            to = pose_copy_few(to, pixel, conv->in_c);
        }
    }
    return to;
}

#endif
