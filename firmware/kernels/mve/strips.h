/* Windows of CONV_2D with Helium that share what they have in common. A strip holds all rows that the windows of one output
 * row cover, turned around: [column][kernel_h][in_c]. A window is then kernel_w neighbouring columns, one run of bytes
 * that overlaps its neighbours', and a pixel of the picture is copied once a row of the kernel instead of once a window.
 * Taps are in the order [kernel_w][kernel_h][in_c], in which the weights are copied too. */
#ifndef POSE_KERNELS_MVE_STRIPS_H
#define POSE_KERNELS_MVE_STRIPS_H

#include "kernels/convolution.h"
#include "kernels/mve/copy.h"

/* Whether a layer's windows overlap in whole vectors. */
static inline bool pose_mve_has_strips(const struct pose_conv_params *p, uint32_t in_c)
{
    return in_c % 16u == 0u && p->kernel_w > p->stride_w && p->dilation_w == 1u;
}

/* Columns that `count` neighbouring windows cover. */
static inline uint64_t pose_mve_strip_columns(uint64_t count, uint32_t stride_w, uint32_t kernel_w)
{
    return (count - 1u) * stride_w + kernel_w;
}

/* Copies VECTORS of one row's pixels to their columns. */
#define POSE_MVE_COPY_COLUMNS(name, VECTORS)                                                            \
    static inline void name(const int8_t *from, size_t pixel, int8_t *to, size_t column, int32_t count) \
    {                                                                                                   \
        __asm volatile("dls lr, %[count]\n"                                                             \
                       "1:\n" VECTORS "add %[from], %[pixel]\n"                                         \
                       "add %[to], %[column]\n"                                                         \
                       "le lr, 1b\n"                                                                    \
                       : [from] "+r"(from), [to] "+r"(to)                                               \
                       : [count] "r"(count), [pixel] "r"(pixel), [column] "r"(column)                   \
                       : "lr", "q0", "q1", "q2", "q3", "cc", "memory");                                 \
    }
POSE_MVE_COPY_COLUMNS(pose_mve_copy_16, "vldrb.8 q0, [%[from]]\n vstrb.8 q0, [%[to]]\n")
POSE_MVE_COPY_COLUMNS(pose_mve_copy_32, "vldrb.8 q0, [%[from]]\n vldrb.8 q1, [%[from], #16]\n vstrb.8 q0, [%[to]]\n"
                                        "vstrb.8 q1, [%[to], #16]\n")
POSE_MVE_COPY_COLUMNS(pose_mve_copy_64, "vldrb.8 q0, [%[from]]\n vldrb.8 q1, [%[from], #16]\n vstrb.8 q0, [%[to]]\n"
                                        "vldrb.8 q2, [%[from], #32]\n vstrb.8 q1, [%[to], #16]\n vldrb.8 q3, [%[from], #48]\n"
                                        "vstrb.8 q2, [%[to], #32]\n vstrb.8 q3, [%[to], #48]\n")

/* `count` neighbouring pixels of in_c bytes to columns `column` bytes apart. */
static inline void pose_mve_copy_columns(const int8_t *from, size_t in_c, int8_t *to, size_t column, int32_t count)
{
    size_t done = 0;
    for (; done + 64u <= in_c; done += 64u) {
        pose_mve_copy_64(from + done, in_c, to + done, column, count);
    }
    if (done + 32u <= in_c) {
        pose_mve_copy_32(from + done, in_c, to + done, column, count);
        done += 32u;
    }
    if (done + 16u <= in_c) {
        pose_mve_copy_16(from + done, in_c, to + done, column, count);
    }
}

static inline void pose_mve_fill_columns(uint8_t value, size_t in_c, int8_t *to, size_t column, int32_t count)
{
    for (; count > 0; count--) {
        pose_mve_fill(to, value, in_c);
        to += column;
    }
}

/* What `columns` columns from input column `left` on are: outside to the left, inside, outside to the right. */
struct pose_mve_extent {
    int32_t before, inside, behind;
};

static inline struct pose_mve_extent pose_mve_extent(int32_t left, int32_t columns, int32_t in_w)
{
    struct pose_mve_extent extent = {.before = left < 0 ? -left : 0};
    extent.before = extent.before < columns ? extent.before : columns;
    const int32_t end = left + columns < in_w ? left + columns : in_w;
    const int32_t inside = end - (left + extent.before);
    extent.inside = inside > 0 ? inside : 0;
    extent.behind = columns - extent.before - extent.inside;
    return extent;
}

/* The strip of the windows whose first one starts at input (top, left). */
static void pose_mve_make_strip(const struct pose_conv *conv, const int8_t *picture, int32_t top, int32_t left, int32_t columns,
                                int8_t *strip)
{
    const size_t in_c = (size_t)conv->in_c;
    const size_t column = in_c * (size_t)conv->kernel_h;
    const struct pose_mve_extent extent = pose_mve_extent(left, columns, conv->in_w);
    const uint8_t zero = (uint8_t)conv->in_zero_point;
    for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
        const int32_t row = top + ky * conv->dilation_h;
        int8_t *to = strip + (size_t)ky * in_c;
        if (row < 0 || row >= conv->in_h || extent.inside == 0) {
            pose_mve_fill_columns(zero, in_c, to, column, columns);
            continue;
        }
        pose_mve_fill_columns(zero, in_c, to, column, extent.before);
        to += column * (size_t)extent.before;
        pose_mve_copy_columns(pose_conv_pixel(conv, picture, row, left + extent.before, NULL), in_c, to, column, extent.inside);
        to += column * (size_t)extent.inside;
        pose_mve_fill_columns(zero, in_c, to, column, extent.behind);
    }
}

#endif
