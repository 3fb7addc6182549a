/* Windows of CONV_2D with Helium, one behind the other in scratch. Up to 15 bytes behind a window's taps may be written and
 * hold anything: weights there are zeros, and the next window is written later. */
#ifndef POSE_KERNELS_MVE_GATHER_H
#define POSE_KERNELS_MVE_GATHER_H

#include "kernels/convolution.h"
#include "kernels/mve/copy.h"

#define POSE_MVE_GATHER_SPARE 16 /* bytes behind the last window */

/* Copies one window, zero points where it leaves the picture. */
static void pose_mve_gather_one(const struct pose_conv *conv, const int8_t *picture, int32_t top, int32_t left, int8_t *window)
{
    const size_t pixel_bytes = (size_t)conv->in_c;
    const size_t row_bytes = (size_t)conv->kernel_w * pixel_bytes;
    const bool columns_inside = left >= 0 && left + conv->kernel_w <= conv->in_w && conv->dilation_w == 1;
    for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
        const int32_t row = top + ky * conv->dilation_h;
        if (row < 0 || row >= conv->in_h) {
            pose_mve_fill(window, (uint8_t)conv->in_zero_point, row_bytes);
            window += row_bytes;
        } else if (columns_inside) {
            pose_mve_copy(window, pose_conv_pixel(conv, picture, row, left, NULL), row_bytes);
            window += row_bytes;
        } else {
            for (int32_t kx = 0; kx < conv->kernel_w; kx++) {
                const int8_t *pixel = pose_conv_pixel(conv, picture, row, left + kx * conv->dilation_w, NULL);
                if (pixel == NULL) {
                    pose_mve_fill(window, (uint8_t)conv->in_zero_point, pixel_bytes);
                } else {
                    pose_mve_copy(window, pixel, pixel_bytes);
                }
                window += pixel_bytes;
            }
        }
    }
}

/* Windows of three rows inside the picture, `step` bytes between neighbours. */
struct pose_mve_inside {
    const int8_t *from;      /* the first window's first row */
    size_t step, row_step;   /* to the next window, to a window's next row */
    size_t row_bytes, pitch; /* of a window's row, from window to window in scratch */
};

/* Three rows of up to 16 bytes, windows 32 bytes apart. */
static inline void pose_mve_gather_short(const struct pose_mve_inside *at, int32_t count, int8_t *windows)
{
    const int8_t *row0 = at->from;
    const int8_t *row1 = row0 + at->row_step;
    const int8_t *row2 = row1 + at->row_step;
    int8_t *to1 = windows + at->row_bytes;
    int8_t *to2 = to1 + at->row_bytes;
    __asm volatile("wls lr, %[count], 2f\n"
                   "1:\n"
                   "vldrb.8 q0, [%[row0]]\n"
                   "vldrb.8 q1, [%[row1]]\n"
                   "vldrb.8 q2, [%[row2]]\n"
                   "vstrb.8 q0, [%[to0]], #32\n"
                   "add %[row0], %[step]\n"
                   "vstrb.8 q1, [%[to1]], #32\n"
                   "add %[row1], %[step]\n"
                   "vstrb.8 q2, [%[to2]], #32\n"
                   "add %[row2], %[step]\n"
                   "le lr, 1b\n"
                   "2:\n"
                   : [row0] "+r"(row0), [row1] "+r"(row1), [row2] "+r"(row2), [to0] "+r"(windows), [to1] "+r"(to1), [to2] "+r"(to2)
                   : [count] "r"(count), [step] "r"(at->step)
                   : "lr", "q0", "q1", "q2", "cc", "memory");
}

/* Three rows of whole vectors. */
static inline void pose_mve_gather_vectors(const struct pose_mve_inside *at, int32_t count, int8_t *window)
{
    const int8_t *from = at->from;
    for (; count > 0; count--) {
        const int8_t *row0 = from;
        const int8_t *row1 = row0 + at->row_step;
        const int8_t *row2 = row1 + at->row_step;
        int8_t *to0 = window;
        int8_t *to1 = to0 + at->row_bytes;
        int8_t *to2 = to1 + at->row_bytes;
        __asm volatile("dls lr, %[vectors]\n"
                       "1:\n"
                       "vldrb.8 q0, [%[row0]], #16\n"
                       "vldrb.8 q1, [%[row1]], #16\n"
                       "vldrb.8 q2, [%[row2]], #16\n"
                       "vstrb.8 q0, [%[to0]], #16\n"
                       "vstrb.8 q1, [%[to1]], #16\n"
                       "vstrb.8 q2, [%[to2]], #16\n"
                       "le lr, 1b\n"
                       : [row0] "+r"(row0), [row1] "+r"(row1), [row2] "+r"(row2), [to0] "+r"(to0), [to1] "+r"(to1), [to2] "+r"(to2)
                       : [vectors] "r"(at->row_bytes / 16u)
                       : "lr", "q0", "q1", "q2", "cc", "memory");
        from += at->step;
        window += at->pitch;
    }
}

/* `count` neighbouring windows of one output row, all inside the picture, whose last byte is before `end`. */
static void pose_mve_gather_inside(const struct pose_conv *conv, const struct pose_mve_inside *at, const int8_t *end, int32_t count,
                                   int8_t *window)
{
    int32_t done = 0;
    if (conv->kernel_h == 3 && at->row_bytes <= 16u && at->pitch == 32u) {
        const int8_t *const vectors_end = at->from + 2u * at->row_step + 16u; /* of the first window */
        const int32_t readable = end < vectors_end ? 0 : (int32_t)((size_t)(end - vectors_end) / at->step) + 1;
        done = readable < count ? readable : count;
        pose_mve_gather_short(at, done, window);
    } else if (conv->kernel_h == 3 && at->row_bytes % 16u == 0u) {
        pose_mve_gather_vectors(at, count, window);
        done = count;
    }
    for (; done < count; done++) {
        const int8_t *from = at->from + (size_t)done * at->step;
        int8_t *to = window + (size_t)done * at->pitch;
        for (int32_t ky = 0; ky < conv->kernel_h; ky++) {
            pose_mve_copy(to, from, at->row_bytes);
            from += at->row_step;
            to += at->row_bytes;
        }
    }
}

/* Output columns whose windows leave the picture neither to the left nor to the right: [from, end). */
struct pose_mve_columns {
    int32_t from, end;
};

static inline struct pose_mve_columns pose_mve_inside_columns(const struct pose_conv *conv)
{
    const int32_t room = conv->in_w + conv->pad_left - conv->kernel_w; /* the last window's place, counted from the padding's */
    if (conv->dilation_w != 1 || room < conv->pad_left) {
        return (struct pose_mve_columns){0, 0};
    }
    const int32_t end = room / conv->stride_w + 1;
    return (struct pose_mve_columns){(conv->pad_left + conv->stride_w - 1) / conv->stride_w, end < conv->out_w ? end : conv->out_w};
}

/* The windows of output pixels `first` to `first + count - 1`, `pitch` bytes apart. */
static void pose_mve_gather(const struct pose_conv *conv, const struct pose_mve_columns *inside, const int8_t *picture, int32_t first,
                            int32_t count, size_t pitch, int8_t *window)
{
    const int8_t *const end = picture + (size_t)conv->in_h * (size_t)conv->in_w * (size_t)conv->in_c;
    int32_t y = first / conv->out_w;
    int32_t x = first % conv->out_w;
    while (count > 0) {
        const int32_t top = y * conv->stride_h - conv->pad_top;
        const int32_t left = x * conv->stride_w - conv->pad_left;
        int32_t made = 1;
        if (x >= inside->from && x < inside->end && top >= 0 && top + (conv->kernel_h - 1) * conv->dilation_h < conv->in_h) {
            const struct pose_mve_inside at = {
                .from = pose_conv_pixel(conv, picture, top, left, NULL),
                .step = (size_t)conv->stride_w * (size_t)conv->in_c,
                .row_step = (size_t)conv->dilation_h * (size_t)conv->in_w * (size_t)conv->in_c,
                .row_bytes = (size_t)conv->kernel_w * (size_t)conv->in_c,
                .pitch = pitch,
            };
            made = inside->end - x < count ? inside->end - x : count;
            pose_mve_gather_inside(conv, &at, end, made, window);
        } else {
            pose_mve_gather_one(conv, picture, top, left, window);
        }
        window += (size_t)made * pitch;
        count -= made;
        x += made;
        if (x == conv->out_w) {
            x = 0;
            y++;
        }
    }
}

#endif
