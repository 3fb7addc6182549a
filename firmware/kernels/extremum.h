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
    if (!pose_arithmetic_dtype(op, POSE_INT8) && !pose_arithmetic_dtype(op, POSE_INT32) &&
        !pose_arithmetic_dtype(op, POSE_FLOAT32)) {
        return POSE_ERR_OPERATOR;
    }
    return pose_arithmetic_shapes(op) ? POSE_OK : POSE_ERR_IMAGE;
}

#define POSE_EXTREMUM_LOOP(op_, type_, expression_)                                \
    do {                                                                           \
        struct pose_broadcast walk_ = pose_broadcast_open(op_);                    \
        const uint32_t count_ = pose_broadcast_run_length(&walk_);                 \
        const uint32_t a_step_ = walk_.steps[0][walk_.rank - 1u];                  \
        const uint32_t b_step_ = walk_.steps[1][walk_.rank - 1u];                  \
        type_ *out_ = (op_)->out[0].data;                                          \
        do {                                                                       \
            const type_ *a_ = (const type_ *)(op_)->in[0].data + walk_.offsets[0]; \
            const type_ *b_ = (const type_ *)(op_)->in[1].data + walk_.offsets[1]; \
            for (const type_ *const end_ = out_ + count_; out_ != end_; out_++) {  \
                const type_ a = *a_;                                               \
                const type_ b = *b_;                                               \
                *out_ = (expression_);                                             \
                a_ += a_step_;                                                     \
                b_ += b_step_;                                                     \
            }                                                                      \
        } while (pose_broadcast_next(&walk_));                                     \
    } while (0)

/* Body of a run() that pose_extremum_check() guards: an expression of `a` and `b` for any type. */
#define POSE_EXTREMUM_RUN(op_, expression_)                 \
    do {                                                    \
        switch ((op_)->out[0].tensor->dtype) {              \
        case POSE_INT8:                                     \
            POSE_EXTREMUM_LOOP(op_, int8_t, expression_);   \
            break;                                          \
        case POSE_INT32:                                    \
            POSE_EXTREMUM_LOOP(op_, int32_t, expression_);  \
            break;                                          \
        default:                                            \
            POSE_EXTREMUM_LOOP(op_, float, expression_);    \
            break;                                          \
        }                                                   \
        return POSE_OK;                                     \
    } while (0)

#endif
