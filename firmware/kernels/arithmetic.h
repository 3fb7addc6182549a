/* Element-wise operators on float32 or int32 with broadcasting and a fused activation, as TFLite's reference kernels: the
 * result is clamped to the activation's range. Integers wrap where the reference's arithmetic is undefined. */
#ifndef POSE_KERNELS_ARITHMETIC_H
#define POSE_KERNELS_ARITHMETIC_H

#include "kernels/broadcast.h"
#include "kernels/params.h"

static inline bool pose_arithmetic_dtype(const struct pose_op *op, uint8_t dtype)
{
    return op->in[0].tensor->dtype == dtype && op->in[1].tensor->dtype == dtype && op->out[0].tensor->dtype == dtype;
}

/* The shapes broadcast; where the output lies over input 0, it has that shape. */
static inline bool pose_arithmetic_shapes(const struct pose_op *op)
{
    return pose_broadcast_valid(op) && (op->out[0].data != op->in[0].data || op->out[0].tensor->bytes == op->in[0].tensor->bytes);
}

/* Whether the parameter block is that of float32 and int32: the first question of a check(), so nothing is trusted. */
static inline bool pose_arithmetic_plain(const struct pose_op *op)
{
    return op->desc->params_bytes == sizeof(struct pose_range_params);
}

static inline int pose_arithmetic_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, sizeof(struct pose_range_params));
    if (status != POSE_OK) {
        return status;
    }
    if (!pose_arithmetic_dtype(op, POSE_FLOAT32) && !pose_arithmetic_dtype(op, POSE_INT32)) {
        return POSE_ERR_OPERATOR;
    }
    return pose_arithmetic_shapes(op) ? POSE_OK : POSE_ERR_IMAGE;
}

#define POSE_ARITHMETIC_LOOP(op_, type_, expression_, low_, high_)            \
    do {                                                                      \
        POSE_BROADCAST_OPEN(op_);                                             \
        const type_ lowest_ = (low_);                                         \
        const type_ highest_ = (high_);                                       \
        type_ *out = (op_)->out[0].data;                                      \
        POSE_BROADCAST_RUNS(op_, type_, {                                     \
            for (const type_ *const end_ = out + count; out != end_; out++) { \
                const type_ a = *a_at;                                        \
                const type_ b = *b_at;                                        \
                const type_ result_ = (expression_);                          \
                const type_ raised_ = result_ < lowest_ ? lowest_ : result_;  \
                *out = highest_ < raised_ ? highest_ : raised_;               \
                a_at += a_step;                                               \
                b_at += b_step;                                               \
            }                                                                 \
        });                                                                   \
    } while (0)

/* Body of a run() that pose_arithmetic_check() guards: an expression of `a` and `b` for either type. */
#define POSE_ARITHMETIC_RUN(op_, float_expression_, int_expression_)                                   \
    do {                                                                                               \
        const struct pose_range_params *range_ = (op_)->params;                                        \
        if ((op_)->out[0].tensor->dtype == POSE_FLOAT32) {                                             \
            POSE_ARITHMETIC_LOOP(op_, float, float_expression_, range_->float_min, range_->float_max); \
        } else {                                                                                       \
            POSE_ARITHMETIC_LOOP(op_, int32_t, int_expression_, range_->int_min, range_->int_max);     \
        }                                                                                              \
        return POSE_OK;                                                                                \
    } while (0)

#endif
