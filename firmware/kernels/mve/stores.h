/* From the sums of a block of CONV_2D (sums.h) to its stored outputs with Helium; see requantize.h for the arithmetic. */
#ifndef POSE_KERNELS_MVE_STORES_H
#define POSE_KERNELS_MVE_STORES_H

#include "kernels/mve/requantize.h"
#include "kernels/mve/sums.h"

/* Where the outputs of a block belong: the first pixel of the first pair, from it to the pair's second, to the next pair. */
struct pose_mve_target {
    int8_t *out;
    size_t second, step;
};

/* Channels of one group that exist. The last group of a layer may have only four rows: neighbours, not every other one. */
static inline int32_t pose_mve_group_channels(const struct pose_conv *conv, int32_t channel)
{
    const int32_t left = conv->out_c - channel;
    return left < POSE_MVE_GROUP ? left : POSE_MVE_GROUP;
}

#define POSE_MVE_STORE_PIXEL(LOAD_EVEN, LOAD_ODD, OUT, TIES)  \
    "vldrw.32 q0, " LOAD_EVEN "\n"                            \
    "vldrw.32 q1, " LOAD_ODD "\n"                             \
    "vadd.i32 q0, q0, q2\n"                                   \
    "vadd.i32 q1, q1, q3\n"                                   \
    "vqrdmulh.s32 q0, q0, q4\n"                               \
    "vqrdmulh.s32 q1, q1, q5\n" TIES "vrshl.s32 q0, q0, q6\n" \
    "vrshl.s32 q1, q1, q7\n"                                  \
    "vqmovnb.s32 q0, q0\n"                                    \
    "vqmovnt.s32 q0, q1\n"                                    \
    "vqadd.s16 q0, q0, %[zero_point]\n"                       \
    "vqmovnb.s16 q0, q0\n"                                    \
    "vstrb.16 q0, [" OUT "]\n"                                \
    "add " OUT ", %[step]\n"

/* Requantises pairs of pixels of a whole group; constants stay in registers. The second pixel is stored first: a pair of
 * one pixel stores it to where the first one then belongs. TIES is what makes ties round away from zero. */
#define POSE_MVE_STORE_PAIRS(name, TIES)                                                                                            \
    static __attribute__((noinline)) void name(const struct pose_mve_scales *scales, const int32_t *even, const int32_t *odd,       \
                                               int32_t pairs, int32_t zero_point, const struct pose_mve_target *to)                 \
    {                                                                                                                               \
        int8_t *first = to->out;                                                                                                    \
        int8_t *second = first + to->second;                                                                                        \
        __asm volatile("vldrw.32 q2, [%[scales]]\n"                                                                                 \
                       "vldrw.32 q3, [%[scales], #16]\n"                                                                            \
                       "vldrw.32 q4, [%[scales], #32]\n"                                                                            \
                       "vldrw.32 q5, [%[scales], #48]\n"                                                                            \
                       "vldrw.32 q6, [%[scales], #64]\n"                                                                            \
                       "vldrw.32 q7, [%[scales], #80]\n"                                                                            \
                       "wls lr, %[pairs], 2f\n"                                                                                     \
                       "1:\n" POSE_MVE_STORE_PIXEL("[%[even], #16]", "[%[odd], #16]", "%[second]", TIES)                            \
                           POSE_MVE_STORE_PIXEL("[%[even]], #32", "[%[odd]], #32", "%[first]", TIES) "le lr, 1b\n"                  \
                                                                                                     "2:\n"                         \
                       : [even] "+r"(even), [odd] "+r"(odd), [first] "+l"(first), [second] "+l"(second)                             \
                       : [scales] "r"(scales), [pairs] "r"(pairs), [zero_point] "r"(zero_point), [step] "r"(to->step), [one] "r"(1) \
                       : "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");                                     \
    }
POSE_MVE_STORE_PAIRS(pose_mve_store_short, "vqdmlah.s32 q0, q0, %[one]\n vqdmlah.s32 q1, q1, %[one]\n")
POSE_MVE_STORE_PAIRS(pose_mve_store_clamped, "")

/* A group's constants, copied once a tile as its weights are. */
struct pose_mve_group {
    struct pose_mve_scales scales; /* of four neighbours or fewer: the first half, in their order */
    enum pose_mve_scaling scaling;
    int32_t channels;
};
_Static_assert(sizeof(struct pose_mve_group) == 104, "conv_2d.py counts on it");

static inline void pose_mve_fill_group(const struct pose_conv *conv, int32_t channel, struct pose_mve_group *group)
{
    group->channels = pose_mve_group_channels(conv, channel);
    group->scaling = POSE_MVE_ANY;
    if (group->channels <= POSE_MVE_ROWS) {
        vstrwq_s32(group->scales.bias[0], vldrwq_s32(conv->bias + channel));
        vstrwq_s32(group->scales.multipliers[0], vldrwq_s32(conv->multipliers + channel));
        vstrwq_s32(group->scales.shifts[0], vldrbq_s32(conv->shifts + channel));
        return;
    }
    const int32_t largest = pose_mve_fill_scales(conv, channel, &group->scales);
    if (group->channels == POSE_MVE_GROUP) {
        group->scaling = pose_mve_scaling(conv, largest);
    }
}

/* Constants of a group of any kind. */
struct pose_mve_any_scales {
    int32_t bias[2][4], multipliers[2][4], right[2][4], left[2][4];
    int16_t low[8], high[8];
};

static inline void pose_mve_fill_any_scales(const struct pose_conv *conv, const struct pose_mve_scales *scales,
                                            struct pose_mve_any_scales *any)
{
    for (int32_t half = 0; half < 2; half++) {
        const int32x4_t shift = vldrwq_s32(scales->shifts[half]);
        vstrwq_s32(any->bias[half], vldrwq_s32(scales->bias[half]));
        vstrwq_s32(any->multipliers[half], vldrwq_s32(scales->multipliers[half]));
        vstrwq_s32(any->right[half], vminq_s32(shift, vdupq_n_s32(0)));
        vstrwq_s32(any->left[half], vmaxq_s32(shift, vdupq_n_s32(0)));
    }
    vstrhq_s16(any->low, vdupq_n_s16((int16_t)conv->act_min));
    vstrhq_s16(any->high, vdupq_n_s16((int16_t)conv->act_max));
}

/* As pose_mve_scale4() and pose_mve_store_any(); the predicate is that of the channels. */
#define POSE_MVE_STORE_ANY_PIXEL(LOAD_EVEN, LOAD_ODD, OUT) \
    "vldrw.32 q0, " LOAD_EVEN "\n"                         \
    "vldrw.32 q2, [%[any]]\n"                              \
    "vldrw.32 q1, " LOAD_ODD "\n"                          \
    "vadd.i32 q0, q0, q2\n"                                \
    "vldrw.32 q3, [%[any], #16]\n"                         \
    "vadd.i32 q1, q1, q3\n"                                \
    "vldrw.32 q2, [%[any], #96]\n"                         \
    "vshl.s32 q0, q0, q2\n"                                \
    "vldrw.32 q3, [%[any], #112]\n"                        \
    "vshl.s32 q1, q1, q3\n"                                \
    "vqrdmulh.s32 q0, q0, q4\n"                            \
    "vqrdmulh.s32 q1, q1, q5\n"                            \
    "vand q2, q0, q6\n"                                    \
    "vand q3, q1, q7\n"                                    \
    "vshr.s32 q2, q2, #31\n"                               \
    "vshr.s32 q3, q3, #31\n"                               \
    "vqadd.s32 q0, q0, q2\n"                               \
    "vqadd.s32 q1, q1, q3\n"                               \
    "vrshl.s32 q0, q0, q6\n"                               \
    "vrshl.s32 q1, q1, q7\n"                               \
    "vadd.i32 q0, q0, %[zero_point]\n"                     \
    "vadd.i32 q1, q1, %[zero_point]\n"                     \
    "vqmovnb.s32 q0, q0\n"                                 \
    "vqmovnt.s32 q0, q1\n"                                 \
    "vldrh.u16 q2, [%[any], #128]\n"                       \
    "vmax.s16 q0, q0, q2\n"                                \
    "vldrh.u16 q3, [%[any], #144]\n"                       \
    "vmin.s16 q0, q0, q3\n"                                \
    "vpst\n"                                               \
    "vstrbt.16 q0, [" OUT "]\n"                            \
    "add " OUT ", %[step]\n"

static __attribute__((noinline)) void pose_mve_store_any_pairs(const struct pose_mve_any_scales *any, int32_t channels, const int32_t *even,
                                                               const int32_t *odd, int32_t pairs, int32_t zero_point,
                                                               const struct pose_mve_target *to)
{
    int8_t *first = to->out;
    int8_t *second = first + to->second;
    __asm volatile("vldrw.32 q4, [%[any], #32]\n"
                   "vldrw.32 q5, [%[any], #48]\n"
                   "vldrw.32 q6, [%[any], #64]\n"
                   "vldrw.32 q7, [%[any], #80]\n"
                   "vctp.16 %[channels]\n"
                   "wls lr, %[pairs], 2f\n"
                   "1:\n" POSE_MVE_STORE_ANY_PIXEL("[%[even], #16]", "[%[odd], #16]", "%[second]")
                       POSE_MVE_STORE_ANY_PIXEL("[%[even]], #32", "[%[odd]], #32", "%[first]") "le lr, 1b\n"
                                                                                               "2:\n"
                   : [even] "+r"(even), [odd] "+r"(odd), [first] "+l"(first), [second] "+l"(second)
                   : [any] "r"(any), [channels] "r"(channels), [pairs] "r"(pairs), [zero_point] "r"(zero_point), [step] "r"(to->step)
                   : "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");
}

/* Pairs of pixels whose sums are at `even` and `odd`. */
static void pose_mve_store_pairs(const struct pose_conv *conv, const struct pose_mve_group *group, const int32_t *even, const int32_t *odd,
                                 int32_t pairs, const struct pose_mve_target *to)
{
    if (group->scaling == POSE_MVE_SHORT) {
        pose_mve_store_short(&group->scales, even, odd, pairs, conv->out_zero_point, to);
    } else if (group->scaling == POSE_MVE_CLAMPED) {
        pose_mve_store_clamped(&group->scales, even, odd, pairs, conv->out_zero_point, to);
    } else {
        struct pose_mve_any_scales any;
        pose_mve_fill_any_scales(conv, &group->scales, &any);
        pose_mve_store_any_pairs(&any, group->channels, even, odd, pairs, conv->out_zero_point, to);
    }
}

/* A group's channels at `count` pixels. */
static void pose_mve_store_group(const struct pose_conv *conv, const struct pose_mve_group *group, const int32_t *sums, int32_t count,
                                 const struct pose_mve_target *to)
{
    const int32_t *const even = sums;
    const int32_t *const odd = even + POSE_CONV_MAX_BLOCK_PIXELS * POSE_MVE_ROWS;
    const int32_t pairs = count / 2;
    pose_mve_store_pairs(conv, group, even, odd, pairs, to);
    if ((count & 1) != 0) {
        const struct pose_mve_target last = {to->out + (size_t)pairs * to->step, 0, 0};
        const size_t summed = (size_t)pairs * 2u * POSE_MVE_ROWS;
        pose_mve_store_pairs(conv, group, even + summed, odd + summed, 1, &last);
    }
}

/* The last channels, up to four, whose sums are one vector. */
static void pose_mve_store_few(const struct pose_conv *conv, const struct pose_mve_group *group, const int32_t *sums, int32_t count,
                               const struct pose_mve_target *to)
{
    const mve_pred16_t lanes = vctp32q((uint32_t)group->channels);
    const int32x4_t low = vdupq_n_s32(conv->act_min);
    const int32x4_t high = vdupq_n_s32(conv->act_max);
    const struct pose_mve_scales *const scales = &group->scales;
    const int32_t zero_point = conv->out_zero_point;
    int8_t *out = to->out;
    for (int32_t p = 0; p < count; p++) {
        int32x4_t values = pose_mve_scale4(vldrwq_s32(sums), scales->bias[0], scales->multipliers[0], scales->shifts[0]);
        values = vaddq_n_s32(values, zero_point); /* wraps as pose_conv_output() does */
        vstrbq_p_s32(out + (p & 1) * to->second, vmaxq_s32(vminq_s32(values, high), low), lanes);
        sums += POSE_MVE_ROWS;
        out += (p & 1) * to->step;
    }
}

#endif
