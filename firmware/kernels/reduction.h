/* What MEAN, SUM, REDUCE_MAX and REDUCE_MIN share: some dimensions of the input vanish; each output element is made of the
 * elements along them, in the input's order. */
#ifndef POSE_KERNELS_REDUCTION_H
#define POSE_KERNELS_REDUCTION_H

#include "kernels/checks.h"
#include "kernels/fixed_point.h"
#include "kernels/params.h"

/* Visits the elements of some dimensions, the last one fastest. */
struct pose_counter {
    uint32_t sizes[POSE_IMAGE_MAX_RANK], steps[POSE_IMAGE_MAX_RANK], at[POSE_IMAGE_MAX_RANK];
    uint32_t rank, offset;
};

/* The dimensions of `in` whose bit in `reduced` equals `wanted`. */
static inline struct pose_counter pose_counter_open(const struct pose_image_tensor *in, uint8_t reduced, bool wanted)
{
    struct pose_counter counter = {.rank = 0u};
    uint32_t step = in->bytes / pose_dtype_bytes(in->dtype);
    for (uint32_t i = 0; i < in->rank; i++) {
        step /= in->dims[i];
        if (((reduced >> i & 1u) != 0u) == wanted) {
            counter.sizes[counter.rank] = in->dims[i];
            counter.steps[counter.rank] = step;
            counter.rank++;
        }
    }
    return counter;
}

/* False after the last element; then it stands at the first again. */
static inline bool pose_counter_next(struct pose_counter *counter)
{
    for (uint32_t i = counter->rank; i-- > 0u;) {
        counter->offset += counter->steps[i];
        if (++counter->at[i] < counter->sizes[i]) {
            return true;
        }
        counter->offset -= counter->steps[i] * counter->sizes[i];
        counter->at[i] = 0u;
    }
    return false;
}

static inline uint32_t pose_counter_elements(const struct pose_counter *counter)
{
    uint32_t count = 1;
    for (uint32_t i = 0; i < counter->rank; i++) {
        count *= counter->sizes[i];
    }
    return count;
}

/* Whether the output's elements are those of the kept dimensions; the type is for the operator to check. */
static inline int pose_reduction_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_reduction_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_reduction_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    if (op->out[0].tensor->dtype != in->dtype) {
        return POSE_ERR_OPERATOR;
    }
    const struct pose_counter kept = pose_counter_open(in, p->reduced, false);
    const struct pose_counter along = pose_counter_open(in, p->reduced, true);
    const bool valid = p->reduced >> in->rank == 0u && pose_requant_valid(p->multiplier, p->shift) &&
                       pose_counter_elements(&kept) == pose_elements(&op->out[0]) &&
                       pose_counter_elements(&along) <= POSE_REDUCTION_MAX_ELEMENTS;
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

/* check() of the largest and of the smallest: of what they compare. */
static inline int pose_extremum_check(const struct pose_op *op)
{
    const int status = pose_reduction_check(op);
    const uint8_t dtype = status == POSE_OK ? op->in[0].tensor->dtype : POSE_INT8;
    const bool known = dtype == POSE_INT8 || dtype == POSE_UINT8 || dtype == POSE_INT32 || dtype == POSE_FLOAT32;
    return known ? status : POSE_ERR_OPERATOR;
}

/* Every output of a type: `expression` of `value` (from `initial` on) and the next element `x`; `end` of the last value. */
#define POSE_REDUCTION_LOOP(op_, type_, initial_, expression_, end_)                            \
    do {                                                                                        \
        const struct pose_reduction_params *const p_ = (op_)->params;                           \
        struct pose_counter kept_ = pose_counter_open((op_)->in[0].tensor, p_->reduced, false); \
        struct pose_counter along_ = pose_counter_open((op_)->in[0].tensor, p_->reduced, true); \
        type_ *out_ = (op_)->out[0].data;                                                       \
        do {                                                                                    \
            const type_ *const in_ = (const type_ *)(op_)->in[0].data + kept_.offset;           \
            type_ value = (initial_);                                                           \
            do {                                                                                \
                const type_ x = in_[along_.offset];                                             \
                value = (expression_);                                                          \
            } while (pose_counter_next(&along_));                                               \
            *out_++ = (end_);                                                                   \
        } while (pose_counter_next(&kept_));                                                    \
    } while (0)

/* Whether no dimension is left. */
static inline bool pose_reduction_is_total(const struct pose_op *op)
{
    const struct pose_reduction_params *p = op->params;
    return p->reduced + 1u == 1u << op->in[0].tensor->rank;
}

#endif
