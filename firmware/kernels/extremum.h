/* MAXIMUM and MINIMUM: what they check, and their loop. */
#ifndef POSE_KERNELS_EXTREMUM_H
#define POSE_KERNELS_EXTREMUM_H

#include "kernels/arithmetic.h"

static inline int pose_extremum_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    if (!pose_arithmetic_dtype(op, POSE_INT8) && !pose_arithmetic_dtype(op, POSE_INT32) && !pose_arithmetic_dtype(op, POSE_FLOAT32)) {
        return POSE_ERR_OPERATOR;
    }
    return pose_arithmetic_shapes(op) ? POSE_OK : POSE_ERR_IMAGE;
}

#define POSE_EXTREMUM_LOOP(op_, type_, expression_)                       \
    POSE_BROADCAST(op_, type_, type_, {                                   \
        for (const type_ *const end_ = out + count; out != end_; out++) { \
            const type_ a = *a_at;                                        \
            const type_ b = *b_at;                                        \
            *out = (expression_);                                         \
            a_at += a_step;                                               \
            b_at += b_step;                                               \
        }                                                                 \
    })

/* Body of a run() that pose_extremum_check() guards: an expression of `a` and `b` for any type. */
#define POSE_EXTREMUM_RUN(op_, expression_)                \
    do {                                                   \
        switch ((op_)->out[0].tensor->dtype) {             \
        case POSE_INT8:                                    \
            POSE_EXTREMUM_LOOP(op_, int8_t, expression_);  \
            break;                                         \
        case POSE_INT32:                                   \
            POSE_EXTREMUM_LOOP(op_, int32_t, expression_); \
            break;                                         \
        default:                                           \
            POSE_EXTREMUM_LOOP(op_, float, expression_);   \
            break;                                         \
        }                                                  \
        return POSE_OK;                                    \
    } while (0)

#endif
