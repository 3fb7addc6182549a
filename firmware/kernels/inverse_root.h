/* 1 / sqrt(n) in fixed point, bit for bit as TensorFlow Lite's GetInvSqrtQuantizedMultiplierExp: five steps of Newton's
 * iteration in gemmlowp's arithmetic. */
#ifndef POSE_KERNELS_INVERSE_ROOT_H
#define POSE_KERNELS_INVERSE_ROOT_H

#include "kernels/fixed_point.h"

struct pose_inverse_root {
    int32_t multiplier, shift; /* multiplier / 2^31 * 2^shift */
};

static inline int32_t pose_saturated(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

/* value is not negative; 0 counts as 1. */
static inline struct pose_inverse_root pose_inverse_root(int32_t value)
{
    if (value <= 1) {
        return (struct pose_inverse_root){INT32_MAX, 0};
    }
    int32_t shift = 11;
    while (value >= 1 << 29) {
        value /= 4;
        shift++;
    }
    const int32_t pairs = (__builtin_clz((uint32_t)value) - 1) / 2 - 1;
    shift -= pairs;
    value <<= 2 * pairs;
    const int32_t half = ((value >> 1) + (value >> 1 > 0 ? 1 : 0)) >> 1; /* numbers have three integer bits */
    int32_t guess = 1 << 28;
    for (int step = 0; step < 5; step++) {
        const int32_t cubed = pose_saturated((int64_t)pose_high_mul(pose_high_mul(guess, guess), guess) * 64);
        const int32_t next = pose_wrap_add(pose_high_mul((1 << 28) + (1 << 27), guess), -pose_high_mul(half, cubed));
        guess = pose_saturated((int64_t)next * 8);
    }
    guess = pose_high_mul(guess, 1518500250); /* half the root of 2 */
    return shift < 0 ? (struct pose_inverse_root){guess << -shift, 0} : (struct pose_inverse_root){guess, -shift};
}

#endif
