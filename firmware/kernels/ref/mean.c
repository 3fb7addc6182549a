/* MEAN of int8 or float32 over some of the dimensions, summed in the input's order, as TFLite's reference kernels. */
#include "kernels/reduction.h"

static int check(const struct pose_op *op)
{
    const int status = pose_reduction_check(op);
    const uint8_t dtype = status == POSE_OK ? op->in[0].tensor->dtype : POSE_INT8;
    return dtype == POSE_INT8 || dtype == POSE_FLOAT32 ? status : POSE_ERR_OPERATOR;
}

/* The sum of int8 values less their zero points, requantised. */
static int8_t mean_int8(const struct pose_reduction_params *p, const int8_t *in, struct pose_counter *along)
{
    int32_t sum = -(int32_t)pose_counter_elements(along) * p->in_zero_point;
    do {
        sum += in[along->offset];
    } while (pose_counter_next(along));
    const int32_t scaled = pose_requantize(sum, p->multiplier, p->shift);
    return (int8_t)pose_clamp(pose_wrap_add(scaled, p->out_zero_point), INT8_MIN, INT8_MAX);
}

/* All outputs of int8. */
static void run_int8(const struct pose_op *op)
{
    const struct pose_reduction_params *p = op->params;
    struct pose_counter kept = pose_counter_open(op->in[0].tensor, p->reduced, false);
    struct pose_counter along = pose_counter_open(op->in[0].tensor, p->reduced, true);
    int8_t *out = op->out[0].data;
    do {
        *out++ = mean_int8(p, (const int8_t *)op->in[0].data + kept.offset, &along);
    } while (pose_counter_next(&kept));
}

static int run(const struct pose_op *op)
{
    if (op->in[0].tensor->dtype == POSE_INT8) {
        run_int8(op);
    } else {
        const float count = (float)(pose_elements(&op->in[0]) / pose_elements(&op->out[0]));
        POSE_REDUCTION_LOOP(op, float, 0.0f, value + x, value / count);
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_MEAN, check, run);
