/* The loops over the outputs of one channel of a depthwise layer whose pixels lie in blocks (depthwise_blocks.h).
 *
 * A window's sum is one VMLADAV of 16 bytes, 4x4 pixels, with the channel's weights at their places in them. At stride 1
 * four windows of 3x3 lie in 4x4 pixels: one load serves four outputs, with four arrangements of the weights (SQUARES), or
 * two of one row (ROW). At stride 2 it serves one (SPARSE). Eight sums are requantised together with scalar constants and
 * scattered; their order is that in which VMOV takes two core registers to lanes 0 and 2, or 1 and 3, of a vector. */
#ifndef POSE_KERNELS_MVE_DEPTHWISE_WINDOWS_H
#define POSE_KERNELS_MVE_DEPTHWISE_WINDOWS_H

#include <arm_mve.h>
#include <stddef.h>

#include "kernels/mve/depthwise_blocks.h"
#include "kernels/mve/requantize.h"

#define GRID_PITCH 192 /* bytes of a row of the grid of weights: three blocks */
#define GRID_BYTES (3 * GRID_PITCH)

/* Lines of outputs, a row each or two, for some channels: what the loops keep in memory. They know the places of all fields
 * and use those marked so up. */
struct lines {
    int32_t eights;           /* complete groups of eight outputs in a line */
    uint32_t tail;            /* predicate of those that are left, or 0 */
    int32_t ahead;            /* bytes from the last word of a line that was read to the next line's start */
    int32_t out_ahead;        /* from behind a line's complete groups to the next line's outputs */
    int8_t *out, *end;        /* outputs of the first line, and of one behind the last; used up */
    const int32_t *bias, *multipliers;
    const int8_t *shifts;
    int32_t channel, channels; /* the first of them, used up, and the one behind the last */
    int32_t out_step;          /* from eight outputs to the next */
    int32_t zero_point;
    uint16_t offsets[8]; /* from the first of eight outputs */
    uint32_t start[4];   /* places of the first window's words, less the 64 bytes that the loads add first; used up */
    uint32_t grid[4];    /* places of the channel's weights in the grid, less its first row and column; used up */
};
_Static_assert(offsetof(struct lines, out) == 16 && offsetof(struct lines, bias) == 24 && offsetof(struct lines, shifts) == 32 &&
                   offsetof(struct lines, channel) == 36 && offsetof(struct lines, out_step) == 44 &&
                   offsetof(struct lines, offsets) == 52 && offsetof(struct lines, start) == 68 && offsetof(struct lines, grid) == 84,
               "the assembly's offsets");

/* The weights of a channel for the window that starts at (0, 0) of 4x4 pixels, and for those one pixel to the right (1), below
 * (2), and both (3): words of the grid, as 2x2 pixels, moved; the words to the left and above give what comes in. The grid
 * is zero around the weights. Places in q7. */
#define ARRANGE_SPARSE "vldrw.u32 q4, [q7, #256]\n"
#define ARRANGE_ROW              \
    "vldrw.u32 q4, [q7, #256]\n" \
    "vldrw.u32 q0, [q7, #192]\n" \
    "vshl.i16 q5, q4, #8\n"      \
    "vsri.16 q5, q0, #8\n"
#define ARRANGE_SQUARES          \
    "vldrw.u32 q2, [q7, #256]\n" \
    "vldrw.u32 q0, [q7, #192]\n" \
    "vldrw.u32 q1, [q7, #64]\n"  \
    "vldrw.u32 q6, [q7]\n"       \
    "vshl.i16 q3, q2, #8\n"      \
    "vsri.16 q3, q0, #8\n"       \
    "vshl.i32 q4, q2, #16\n"     \
    "vsri.32 q4, q1, #16\n"      \
    "vshl.i16 q1, q1, #8\n"      \
    "vsri.16 q1, q6, #8\n"       \
    "vshl.i32 q5, q3, #16\n"     \
    "vsri.32 q5, q1, #16\n"

/* Eight sums to the lanes of q0 and q1, and the addresses moved on. */
#define SUMS_SQUARES              \
    "vldrw.u32 q1, [q6, #64]!\n"  \
    "vmladav.s8 r0, q1, q2\n"     \
    "vmladav.s8 r2, q1, q3\n"     \
    "vmladav.s8 r4, q1, q4\n"     \
    "vmladav.s8 r6, q1, q5\n"     \
    "vldrw.u32 q1, [q6, #64]!\n"  \
    "vmov q0[2], q0[0], r0, r2\n" \
    "vmladav.s8 r0, q1, q2\n"     \
    "vmladav.s8 r2, q1, q3\n"     \
    "vmladav.s8 r8, q1, q4\n"     \
    "vmladav.s8 r10, q1, q5\n"    \
    "vmov q0[3], q0[1], r0, r2\n" \
    "vmov q1[2], q1[0], r4, r6\n" \
    "vmov q1[3], q1[1], r8, r10\n"
#define SUMS_ROW_4(q)                     \
    "vldrw.u32 q2, [q6, #64]!\n"          \
    "vmladav.s8 r0, q2, q4\n"             \
    "vmladav.s8 r2, q2, q5\n"             \
    "vldrw.u32 q2, [q6, #64]!\n"          \
    "vmov " #q "[2], " #q "[0], r0, r2\n" \
    "vmladav.s8 r4, q2, q4\n"             \
    "vmladav.s8 r6, q2, q5\n"             \
    "vmov " #q "[3], " #q "[1], r4, r6\n"
#define SUMS_ROW SUMS_ROW_4(q0) SUMS_ROW_4(q1)
#define SUMS_SPARSE_4(q)                  \
    "vldrw.u32 q2, [q6, #64]!\n"          \
    "vldrw.u32 q3, [q6, #64]!\n"          \
    "vmladav.s8 r0, q2, q4\n"             \
    "vldrw.u32 q2, [q6, #64]!\n"          \
    "vmladav.s8 r2, q3, q4\n"             \
    "vldrw.u32 q3, [q6, #64]!\n"          \
    "vmladav.s8 r4, q2, q4\n"             \
    "vmladav.s8 r6, q3, q4\n"             \
    "vmov " #q "[2], " #q "[0], r0, r2\n" \
    "vmov " #q "[3], " #q "[1], r4, r6\n"
#define SUMS_SPARSE SUMS_SPARSE_4(q0) SUMS_SPARSE_4(q1)

/* Sums to outputs in q0: shifted right, where negative results are below the activation's range. */
#define BIAS                \
    "vadd.i32 q0, q0, r5\n" \
    "vadd.i32 q1, q1, r5\n"
#define SCALE_CLAMPED                \
    BIAS "vqrdmulh.s32 q0, q0, r9\n" \
         "vqrdmulh.s32 q1, q1, r9\n" \
         "vrshl.s32 q0, r11\n"       \
         "vrshl.s32 q1, r11\n" NARROW(q0, q1)
/* Shifted right with 1 taken from what negative sums give, so that ties go away from zero: the product is added to their sign.
 * q7, needed on the way, is loaded again. */
#define SCALE_SHORT                  \
    BIAS "vshr.s32 q7, q0, #31\n"    \
         "vqrdmlah.s32 q7, q0, r9\n" \
         "vshr.s32 q0, q1, #31\n"    \
         "vqrdmlah.s32 q0, q1, r9\n" \
         "vrshl.s32 q7, r11\n"       \
         "vrshl.s32 q0, r11\n" NARROW(q7, q0) "vldrw.u32 q7, [%[lines], #52]\n"
/* Shifted left, before the multiplication; the product may fill its 32 bits, and the zero point wraps as pose_conv_output()'s. */
#define SCALE_LEFT                   \
    BIAS "vshl.s32 q0, r11\n"        \
         "vshl.s32 q1, r11\n"        \
         "vqrdmulh.s32 q0, q0, r9\n" \
         "vqrdmulh.s32 q1, q1, r9\n" \
         "vadd.i32 q0, q0, r12\n"    \
         "vadd.i32 q1, q1, r12\n"    \
         "vqmovnb.s32 q0, q0\n"      \
         "vqmovnt.s32 q0, q1\n"      \
         "vqmovnb.s16 q0, q0\n"
#define NARROW(even, odd)                \
    "vqmovnb.s32 " #even ", " #even "\n" \
    "vqmovnt.s32 " #even ", " #odd "\n"  \
    "vqadd.s16 q0, " #even ", r12\n"     \
    "vqmovnb.s16 q0, q0\n"

/* All lines of all channels. The loops' registers: sums in the even ones up to r10, r1 out, r3 out_step, r5 bias, r9 multiplier,
 * r11 shift, r12 zero_point; the one that they leave has the place of the rest. q6: places of words, q7: offsets. */
#define CONVOLVE_LINES(name, KIND, SCALE)                                                                                               \
    static __attribute__((noinline)) void name(struct lines *lines)                                                                     \
    {                                                                                                                                   \
        register struct lines *const at __asm("r7") = lines;                                                                            \
        __asm volatile("ldrd r3, r12, [%[lines], #44]\n"                                                                                \
                       "1: vldrw.u32 q7, [%[lines], #84]\n" ARRANGE_##KIND "movs r0, #4\n"                                              \
                                                                           "vldrw.u32 q6, [%[lines], #68]\n"                            \
                                                                           "vadd.i32 q7, q7, r0\n"                                      \
                                                                           "vadd.i32 q0, q6, r0\n"                                      \
                                                                           "vstrw.32 q7, [%[lines], #84]\n"                             \
                                                                           "vldrw.u32 q7, [%[lines], #52]\n"                            \
                                                                           "vstrw.32 q0, [%[lines], #68]\n"                             \
                                                                           "ldrd r2, r0, [%[lines], #32]\n"                             \
                                                                           "ldrd r4, r6, [%[lines], #24]\n"                             \
                                                                           "ldrsb r11, [r2, r0]\n"                                      \
                                                                           "ldr r5, [r4, r0, lsl #2]\n"                                 \
                                                                           "ldr r9, [r6, r0, lsl #2]\n"                                 \
                                                                           "adds r0, #1\n"                                              \
                                                                           "str r0, [%[lines], #36]\n"                                  \
                                                                           "ldr r1, [%[lines], #16]\n"                                  \
                                                                           "2: ldr lr, [%[lines]]\n"                                    \
                                                                           "wls lr, lr, 4f\n"                                           \
                                                                           "3:\n" SUMS_##KIND SCALE "vstrb.16 q0, [r1, q7]\n"           \
                                                                                                    "add r1, r3\n"                      \
                                                                                                    "le lr, 3b\n"                       \
                                                                                                    "4: ldr r0, [%[lines], #4]\n"       \
                                                                                                    "cmp r0, #0\n"                      \
                                                                                                    "beq 5f\n" SUMS_##KIND SCALE        \
                       "ldr r0, [%[lines], #4]\n"                                                                                       \
                       "vmsr p0, r0\n"                                                                                                  \
                       "vpst\n"                                                                                                         \
                       "vstrbt.16 q0, [r1, q7]\n"                                                                                       \
                       "5: ldrd r0, r2, [%[lines], #8]\n"                                                                               \
                       "ldr r4, [%[lines], #20]\n"                                                                                      \
                       "vadd.i32 q6, q6, r0\n"                                                                                          \
                       "add r1, r2\n"                                                                                                   \
                       "cmp r1, r4\n"                                                                                                   \
                       "bne 2b\n"                                                                                                       \
                       "ldrd r0, r2, [%[lines], #36]\n"                                                                                 \
                       "ldr r1, [%[lines], #16]\n"                                                                                      \
                       "adds r4, #1\n"                                                                                                  \
                       "adds r1, #1\n"                                                                                                  \
                       "strd r1, r4, [%[lines], #16]\n"                                                                                 \
                       "cmp r0, r2\n"                                                                                                   \
                       "bne 1b\n"                                                                                                       \
                       :                                                                                                                \
                       : [lines] "r"(at)                                                                                                \
                       : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1", "q2", "q3", "q4", \
                         "q5", "q6", "q7", "cc", "memory");                                                                             \
    }
CONVOLVE_LINES(squares_clamped, SQUARES, SCALE_CLAMPED)
CONVOLVE_LINES(squares_short, SQUARES, SCALE_SHORT)
CONVOLVE_LINES(squares_left, SQUARES, SCALE_LEFT)
CONVOLVE_LINES(row_clamped, ROW, SCALE_CLAMPED)
CONVOLVE_LINES(row_short, ROW, SCALE_SHORT)
CONVOLVE_LINES(row_left, ROW, SCALE_LEFT)
CONVOLVE_LINES(sparse_clamped, SPARSE, SCALE_CLAMPED)
CONVOLVE_LINES(sparse_short, SPARSE, SCALE_SHORT)
CONVOLVE_LINES(sparse_left, SPARSE, SCALE_LEFT)

#endif
