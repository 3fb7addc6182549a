/* Element-wise operators of one input: 8-bit ones are a table of the host's, float32 and int32 ones an expression. Which of
 * both an operator is, its parameter block says: there is one, or none. */
#ifndef POSE_KERNELS_UNARY_H
#define POSE_KERNELS_UNARY_H

#include "kernels/table.h"

static inline bool pose_unary_is_table(const struct pose_op *op)
{
    return op->desc->params_bytes == sizeof(struct pose_table_params);
}

/* `integers`: int32 will do as well as float32. */
static inline int pose_unary_check(const struct pose_op *op, bool integers)
{
    if (pose_unary_is_table(op)) {
        return pose_table_only_check(op);
    }
    const int status = pose_check_op(op, 1u, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    const uint8_t dtype = op->in[0].tensor->dtype;
    if ((dtype != POSE_FLOAT32 && !(integers && dtype == POSE_INT32)) || op->out[0].tensor->dtype != dtype) {
        return POSE_ERR_OPERATOR;
    }
    return pose_same_shape(&op->in[0], &op->out[0]) ? POSE_OK : POSE_ERR_IMAGE;
}

static inline int pose_unary_float_check(const struct pose_op *op)
{
    return pose_unary_check(op, false);
}

static inline int pose_unary_number_check(const struct pose_op *op)
{
    return pose_unary_check(op, true);
}

/* One loop over elements of a type: an expression of `x`. */
#define POSE_UNARY_LOOP(op_, type_, expression_)                                           \
    do {                                                                                   \
        const type_ *in_ = (op_)->in[0].data;                                              \
        type_ *out_ = (op_)->out[0].data;                                                  \
        for (const type_ *const end_ = in_ + pose_elements(&(op_)->in[0]); in_ != end_;) { \
            const type_ x = *in_++;                                                        \
            *out_++ = (expression_);                                                       \
        }                                                                                  \
    } while (0)

/* Bodies of run(): of an operator that pose_unary_float_check() guards, or pose_unary_number_check(). */
#define POSE_UNARY_FLOAT_RUN(op_, expression_)    \
    do {                                          \
        if (pose_unary_is_table(op_)) {           \
            return pose_table_only_run(op_);      \
        }                                         \
        POSE_UNARY_LOOP(op_, float, expression_); \
        return POSE_OK;                           \
    } while (0)
#define POSE_UNARY_NUMBER_RUN(op_, float_expression_, int_expression_) \
    do {                                                               \
        if ((op_)->in[0].tensor->dtype == POSE_INT32) {                \
            POSE_UNARY_LOOP(op_, int32_t, int_expression_);            \
            return POSE_OK;                                            \
        }                                                              \
        POSE_UNARY_FLOAT_RUN(op_, float_expression_);                  \
    } while (0)

#endif
