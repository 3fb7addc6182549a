/* RESIZE_BILINEAR, int8, with Helium. Same bits as the portable kernel.
 *
 * Where both weights are multiples of 64 (every enlargement by two or four), products have no more than 16 bits that matter, and eight
 * channels are blended at a time; otherwise four. Sums of 16 bits may leave them on the way, as a weight may be negative at an
 * edge, but arrive. */
#include "kernels/resize_bilinear.h"

/* `lanes`: 16 or 32 bits, `count` elements of them; `fraction`: bits to be rounded off. Taking 1 from negative sums makes ties go
 * away from zero. */
#define BLEND(lanes, count, sign, fraction)                                                                                       \
    __asm volatile("wlstp." lanes " lr, %[left], 2f\n"                                                                            \
                   "1: vldrb.s" lanes " q0, [%[upper_left]], #" count "\n"                                                        \
                   "vldrb.s" lanes " q1, [%[upper_right]], #" count "\n"                                                          \
                   "vmul.i" lanes " q0, q0, %[w0]\n"                                                                              \
                   "vldrb.s" lanes " q2, [%[lower_left]], #" count "\n"                                                           \
                   "vmla.s" lanes " q0, q1, %[w1]\n"                                                                              \
                   "vldrb.s" lanes " q3, [%[lower_right]], #" count "\n"                                                          \
                   "vmla.s" lanes " q0, q2, %[w2]\n"                                                                              \
                   "vmla.s" lanes " q0, q3, %[w3]\n"                                                                              \
                   "vshr.s" lanes " q1, q0, #" sign "\n"                                                                          \
                   "vqadd.s" lanes " q0, q0, q1\n"                                                                                \
                   "vrshr.s" lanes " q0, q0, #" fraction "\n"                                                                     \
                   "vstrb." lanes " q0, [%[to]], #" count "\n"                                                                    \
                   "letp lr, 1b\n"                                                                                                \
                   "2:\n"                                                                                                         \
                   : [upper_left] "+l"(upper_left), [upper_right] "+l"(upper_right), [lower_left] "+l"(lower_left),               \
                     [lower_right] "+l"(lower_right), [to] "+l"(out)                                                              \
                   : [left] "r"(channels), [w0] "r"(weights[0]), [w1] "r"(weights[1]), [w2] "r"(weights[2]), [w3] "r"(weights[3]) \
                   : "q0", "q1", "q2", "q3", "lr", "cc", "memory")

static void blend(const int8_t *const corners[4], int32_t down, int32_t right, int32_t channels, int8_t *out)
{
    const int8_t *upper_left = corners[0];
    const int8_t *upper_right = corners[1];
    const int8_t *lower_left = corners[2];
    const int8_t *lower_right = corners[3];
    const bool coarse = ((down | right) & 63) == 0;
    const int32_t one = coarse ? 16 : 1024;
    down = coarse ? down / 64 : down;
    right = coarse ? right / 64 : right;
    const int32_t weights[4] = {(one - down) * (one - right), (one - down) * right, down * (one - right), down * right};
    if (coarse) {
        BLEND("16", "8", "15", "8");
    } else {
        BLEND("32", "4", "31", "20");
    }
}

static int run(const struct pose_op *op)
{
    return pose_resize_run(op, blend);
}

POSE_KERNEL(POSE_OPCODE_RESIZE_BILINEAR, pose_resize_check, run);
