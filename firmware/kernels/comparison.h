/* LESS, GREATER, EQUAL and their like: two inputs of int32 or float32 with broadcasting, one byte of 0 or 1 an element. */
#ifndef POSE_KERNELS_COMPARISON_H
#define POSE_KERNELS_COMPARISON_H

#include "kernels/broadcast.h"

static inline int pose_comparison_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    const uint8_t dtype = op->in[0].tensor->dtype;
    if ((dtype != POSE_INT32 && dtype != POSE_FLOAT32) || op->in[1].tensor->dtype != dtype || op->out[0].tensor->dtype != POSE_BOOL) {
        return POSE_ERR_OPERATOR;
    }
    return pose_broadcast_valid(op) ? POSE_OK : POSE_ERR_IMAGE;
}

#define POSE_COMPARISON_LOOP(op_, type_, expression_)                       \
    POSE_BROADCAST(op_, type_, uint8_t, {                                   \
        for (const uint8_t *const end_ = out + count; out != end_; out++) { \
            const type_ a = *a_at;                                          \
            const type_ b = *b_at;                                          \
            *out = (expression_) ? 1u : 0u;                                 \
            a_at += a_step;                                                 \
            b_at += b_step;                                                 \
        }                                                                   \
    })

/* Body of a run() that pose_comparison_check() guards: an expression of `a` and `b` for either type. */
#define POSE_COMPARISON_RUN(op_, expression_)                \
    do {                                                     \
        if ((op_)->in[0].tensor->dtype == POSE_INT32) {      \
            POSE_COMPARISON_LOOP(op_, int32_t, expression_); \
        } else {                                             \
            POSE_COMPARISON_LOOP(op_, float, expression_);   \
        }                                                    \
        return POSE_OK;                                      \
    } while (0)

#endif
