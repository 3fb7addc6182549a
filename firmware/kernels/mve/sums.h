/* Sums of products of CONV_2D with Helium: four rows of weights at all pixels of a block.
 *
 * VMLADAVA multiplies 16 pairs and adds them to a core register, which must have an even number. Two pixels meet four
 * rows: six vector loads and eight VMLADAVA for 128 products. Eight sums take all even registers, everything else must
 * fit the odd ones: hence weights that one pointer walks, and what is not needed all the time is in memory. The loop over
 * a window's vectors is unrolled and entered in the middle. The block's first half meets its second half: where windows
 * lie one behind the other, a pointer that has read one is at the next.
 *
 * Sums are stored as [pair][2][4]. A pair is a window of the first half and one of the second; of windows of one vector,
 * two neighbours. */
#ifndef POSE_KERNELS_MVE_SUMS_H
#define POSE_KERNELS_MVE_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POSE_MVE_LANES 16
#define POSE_MVE_ROWS 4   /* of weights that are summed together */
#define POSE_MVE_REACH 24 /* windows of as many taps are read as two vectors that overlap, others as whole vectors */

/* What the loop over the pairs reloads every time, in the order of the registers. */
struct pose_mve_pair_loop {
    int32_t step;          /* r0: from the end of one window to the next */
    const int8_t *end;     /* r4: of the first half */
    const int8_t *weights; /* r5 */
    int32_t turns;         /* r7: of the unrolled loop */
    const void *entry;     /* into it */
};

/* `count` windows, each half's `stride` bytes apart. Windows of one vector are all in the first half. */
struct pose_mve_windows {
    struct pose_mve_pair_loop loop; /* must be first: one register leads to both */
    const int8_t *first, *second;
    int32_t skipped; /* bytes of the unrolled loop that the first turn leaves out, and 1 */
    int32_t count, half, stride;
    void (*sum)(struct pose_mve_windows *windows, const int8_t *weights, int32_t *sums);
};
_Static_assert(offsetof(struct pose_mve_windows, loop.entry) == 16, "POSE_MVE_SUM_PAIRS counts on it");

/* One vector of both windows against four rows; A is "a" where the sums exist. Loads stand between multiplications. */
#define POSE_MVE_STEP(A)            \
    "vldrb.8 q0, [r1], #16\n"       \
    "vldrb.8 q2, [r5], #16\n"       \
    "vldrb.8 q1, [r3], #16\n"       \
    "vmladav" A ".s8 r0, q0, q2\n"  \
    "vldrb.8 q3, [r5], #16\n"       \
    "vmladav" A ".s8 r8, q1, q2\n"  \
    "vldrb.8 q4, [r5], #16\n"       \
    "vmladav" A ".s8 r2, q0, q3\n"  \
    "vldrb.8 q5, [r5], #16\n"       \
    "vmladav" A ".s8 r10, q1, q3\n" \
    "vmladav" A ".s8 r4, q0, q4\n"  \
    "vmladav" A ".s8 r12, q1, q4\n" \
    "vmladav" A ".s8 r6, q0, q5\n"  \
    "vmladav" A ".s8 lr, q1, q5\n"
#define POSE_MVE_STEP_BYTES 56
#define POSE_MVE_4_STEPS POSE_MVE_STEP("a") POSE_MVE_STEP("a") POSE_MVE_STEP("a") POSE_MVE_STEP("a")
#define POSE_MVE_STORE_PAIR         \
    "stmia r9!, {r0, r2, r4, r6}\n" \
    "stmia r9!, {r8, r10, r12, lr}\n"

/* Windows of at least two vectors. STEPS follow the first one; AGAIN repeats them, NEXT moves both pointers from the end of
 * a window to the next. */
#define POSE_MVE_SUM_PAIRS(name, STEPS, AGAIN, NEXT)                                                                                     \
    static __attribute__((noinline)) void name(struct pose_mve_windows *windows, const int8_t *weights, int32_t *sums)                   \
    {                                                                                                                                    \
        windows->loop.weights = weights;                                                                                                 \
        register const int8_t *first __asm("r1") = windows->first;                                                                       \
        register const int8_t *second __asm("r3") = windows->second;                                                                     \
        register int32_t *target __asm("r9") = sums;                                                                                     \
        register struct pose_mve_windows *again __asm("r11") = windows;                                                                  \
        register int32_t skipped __asm("r7") = windows->skipped;                                                                         \
        __asm volatile("adr r0, 2f\n"                                                                                                    \
                       "add r0, r7\n"                                                                                                    \
                       "str r0, [r11, #16]\n"                                                                                            \
                       "ldm r11, {r0, r4, r5, r7}\n"                                                                                     \
                       "1:\n" POSE_MVE_STEP("") "ldr pc, [r11, #16]\n"                                                                   \
                                                ".balign 4\n"                                                                            \
                                                "2:\n" STEPS AGAIN POSE_MVE_STORE_PAIR "ldm r11, {r0, r4, r5, r7}\n" NEXT "cmp r1, r4\n" \
                                                "bne.w 1b\n"                                                                             \
                       : "+r"(first), "+r"(second), "+r"(target), "+r"(skipped)                                                          \
                       : "r"(again)                                                                                                      \
                       : "r0", "r2", "r4", "r5", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3", "q4", "q5", "cc", "memory");    \
    }

#define POSE_MVE_NEXT "add r1, r0\n add r3, r0\n"
#define POSE_MVE_FEW_STEPS 12 /* the loop is entered once */
#define POSE_MVE_MANY_STEPS 8
POSE_MVE_SUM_PAIRS(pose_mve_sum_few_adjacent, POSE_MVE_4_STEPS POSE_MVE_4_STEPS POSE_MVE_4_STEPS, "", "")
POSE_MVE_SUM_PAIRS(pose_mve_sum_few, POSE_MVE_4_STEPS POSE_MVE_4_STEPS POSE_MVE_4_STEPS, "", POSE_MVE_NEXT)
POSE_MVE_SUM_PAIRS(pose_mve_sum_many, POSE_MVE_4_STEPS POSE_MVE_4_STEPS, "subs r7, #1\n bne.w 2b\n", POSE_MVE_NEXT)

#define POSE_MVE_MEET(A, first_sum, second_sum, row) \
    "vmladav" A ".s8 " first_sum ", q5, " row "\n"   \
    "vmladav" A ".s8 " second_sum ", q6, " row "\n"

/* Windows of two vectors, one behind the other, without a loop over them; five of eight vectors of weights stay in
 * registers. SECOND is where a window's second vector begins: behind the first one, or earlier, where its weights are 0. */
#define POSE_MVE_SUM_TWO(name, SECOND)                                                                                                \
    static __attribute__((noinline)) void name(struct pose_mve_windows *windows, const int8_t *weights, int32_t *sums)                \
    {                                                                                                                                 \
        int32_t pairs = windows->half;                                                                                                \
        const int8_t *first = windows->first;                                                                                         \
        const int8_t *second = windows->second;                                                                                       \
        __asm volatile(                                                                                                               \
            "vldrb.8 q0, [%[weights]]\n"                                                                                              \
            "vldrb.8 q1, [%[weights], #16]\n"                                                                                         \
            "vldrb.8 q2, [%[weights], #32]\n"                                                                                         \
            "vldrb.8 q3, [%[weights], #48]\n"                                                                                         \
            "vldrb.8 q4, [%[weights], #64]\n"                                                                                         \
            "1:\n"                                                                                                                    \
            "vldrb.8 q5, [%[first]], #" SECOND "\n"                                                                                   \
            "vldrb.8 q6, [%[second]], #" SECOND "\n" POSE_MVE_MEET("", "r0", "r8", "q0") POSE_MVE_MEET("", "r2", "r10", "q1")         \
                POSE_MVE_MEET("", "r4", "r12", "q2") POSE_MVE_MEET(                                                                   \
                    "", "r6", "lr",                                                                                                   \
                    "q3") "vldrb.8 q5, [%[first]], #16\n"                                                                             \
                          "vldrb.8 q6, [%[second]], #16\n"                                                                            \
                          "vldrb.8 q7, [%[weights], #80]\n" POSE_MVE_MEET("a", "r0", "r8", "q4")                                      \
                              POSE_MVE_MEET("a", "r2", "r10", "q7") "vldrb.8 q7, [%[weights], #96]\n" POSE_MVE_MEET(                  \
                                  "a", "r4", "r12",                                                                                   \
                                  "q7") "vldrb.8 q7, [%[weights], #112]\n" POSE_MVE_MEET("a", "r6", "lr",                             \
                                                                                         "q7") "stmia %[sums]!, {r0, r2, r4, r6}\n"   \
                                                                                               "stmia %[sums]!, {r8, r10, r12, lr}\n" \
                                                                                               "subs %[pairs], #1\n"                  \
                                                                                               "bne 1b\n"                             \
            : [first] "+r"(first), [second] "+r"(second), [sums] "+r"(sums), [pairs] "+r"(pairs)                                      \
            : [weights] "r"(weights)                                                                                                  \
            : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");      \
    }
POSE_MVE_SUM_TWO(pose_mve_sum_32, "16")
POSE_MVE_SUM_TWO(pose_mve_sum_24, "8")

/* Windows of one vector: four rows of weights stay in registers. */
#define POSE_MVE_SUM_ONE(name, NEXT)                                                                                   \
    static __attribute__((noinline)) void name(struct pose_mve_windows *windows, const int8_t *weights, int32_t *sums) \
    {                                                                                                                  \
        register const int8_t *window __asm("r1") = windows->first;                                                    \
        register int32_t *target __asm("r9") = sums;                                                                   \
        __asm volatile("vldrb.8 q0, [%[weights]]\n"                                                                    \
                       "vldrb.8 q1, [%[weights], #16]\n"                                                               \
                       "vldrb.8 q2, [%[weights], #32]\n"                                                               \
                       "vldrb.8 q3, [%[weights], #48]\n"                                                               \
                       "dls lr, %[count]\n"                                                                            \
                       "1:\n" NEXT "vmladav.s8 r0, q4, q0\n"                                                           \
                       "vmladav.s8 r2, q4, q1\n"                                                                       \
                       "vmladav.s8 r4, q4, q2\n"                                                                       \
                       "vmladav.s8 r6, q4, q3\n"                                                                       \
                       "stmia r9!, {r0, r2, r4, r6}\n"                                                                 \
                       "le lr, 1b\n"                                                                                   \
                       : "+r"(window), "+r"(target)                                                                    \
                       : [weights] "r"(weights), [count] "r"(windows->count), [stride] "r"(windows->stride)            \
                       : "r0", "r2", "r4", "r6", "lr", "q0", "q1", "q2", "q3", "q4", "cc", "memory");                  \
    }
POSE_MVE_SUM_ONE(pose_mve_sum_16, "vldrb.8 q4, [r1], #16\n")
POSE_MVE_SUM_ONE(pose_mve_sum_one, "vldrb.8 q4, [r1]\n add r1, %[stride]\n")

/* `count` windows of `vectors` vectors that cover `reach` bytes, each half's `stride` bytes apart. sum() takes weights as
 * [vectors][4][16]; where count is odd, it reads one window more. */
static inline void pose_mve_open_windows(struct pose_mve_windows *windows, const int8_t *first, const int8_t *second, int32_t stride,
                                         int32_t count, int32_t vectors, int32_t reach)
{
    const bool adjacent = stride == reach;
    const bool few = vectors - 1 <= POSE_MVE_FEW_STEPS;
    const int32_t unrolled = few ? POSE_MVE_FEW_STEPS : POSE_MVE_MANY_STEPS;
    const int32_t turns = (vectors - 1 + unrolled - 1) / unrolled;
    windows->first = first;
    windows->second = second;
    windows->count = count;
    windows->half = (count + 1) / 2;
    windows->stride = stride;
    windows->skipped = (turns * unrolled - (vectors - 1)) * POSE_MVE_STEP_BYTES + 1;
    windows->loop.step = stride - vectors * POSE_MVE_LANES;
    windows->loop.end = first + windows->half * stride;
    windows->loop.turns = turns;
    if (vectors == 1) {
        windows->sum = adjacent ? pose_mve_sum_16 : pose_mve_sum_one;
    } else if (reach == POSE_MVE_REACH) {
        windows->sum = pose_mve_sum_24;
    } else if (vectors == 2 && adjacent) {
        windows->sum = pose_mve_sum_32;
    } else if (few) {
        windows->sum = adjacent ? pose_mve_sum_few_adjacent : pose_mve_sum_few;
    } else {
        windows->sum = pose_mve_sum_many;
    }
}

#endif
