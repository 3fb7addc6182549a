/* SQUARED_DIFFERENCE, int8 and float32 with broadcasting, as TFLite's reference kernels. */
#include <math.h>

#include "kernels/arithmetic.h"
#include "kernels/fixed_point.h"

static bool is_float(const struct pose_op *op)
{
    return op->desc->params_bytes == 0u;
}

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, is_float(op) ? 0u : sizeof(struct pose_difference_params));
    if (status != POSE_OK) {
        return status;
    }
    if (!pose_arithmetic_dtype(op, is_float(op) ? POSE_FLOAT32 : POSE_INT8)) {
        return POSE_ERR_OPERATOR;
    }
    if (is_float(op)) {
        return pose_arithmetic_shapes(op) ? POSE_OK : POSE_ERR_IMAGE;
    }
    const struct pose_difference_params *p = op->params;
    const bool valid = pose_arithmetic_shapes(op) && pose_requant_valid(p->a_multiplier, p->a_shift) &&
                       pose_requant_valid(p->b_multiplier, p->b_shift) && pose_requant_valid(p->out_multiplier, p->out_shift) &&
                       p->a_shift <= 0 && p->b_shift <= 0 && p->left_shift >= 0 && p->left_shift <= 7;
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

/* The squared difference of two stored values. Terms are below 2^15, for their shifts are not positive. */
static int8_t output(const struct pose_difference_params *p, int32_t a, int32_t b)
{
    const int32_t first = pose_requantize((a - p->a_zero_point) * (1 << p->left_shift), p->a_multiplier, p->a_shift);
    const int32_t second = pose_requantize((b - p->b_zero_point) * (1 << p->left_shift), p->b_multiplier, p->b_shift);
    const uint32_t difference = (uint32_t)first - (uint32_t)second;
    const int32_t scaled = pose_requantize((int32_t)(difference * difference), p->out_multiplier, p->out_shift);
    return (int8_t)pose_clamp(pose_wrap_add(scaled, p->out_zero_point), INT8_MIN, INT8_MAX);
}

/* The two loops are functions of their own: as one, the compiler keeps less of each in registers. */
__attribute__((noinline)) static void run_floats(const struct pose_op *op)
{
    POSE_ARITHMETIC_LOOP(op, float, (a - b) * (a - b), -INFINITY, INFINITY); /* no activation: nothing is clamped */
}

__attribute__((noinline)) static void run_bytes(const struct pose_op *op)
{
    const struct pose_difference_params *p = op->params;
    POSE_BROADCAST(op, int8_t, int8_t, {
        for (const int8_t *const end = out + count; out != end; out++) {
            *out = output(p, *a_at, *b_at);
            a_at += a_step;
            b_at += b_step;
        }
    });
}

static int run(const struct pose_op *op)
{
    if (is_float(op)) {
        run_floats(op);
    } else {
        run_bytes(op);
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_SQUARED_DIFFERENCE, POSE_OP_IN_PLACE, check, run);
