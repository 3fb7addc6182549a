/* MUL with broadcasting: int8 with Helium, float32, int32. Same bits as the portable kernel. */
#include "kernels/mul.h"
#include "kernels/mve/elements.h"

static int run_int8(const struct pose_op *op)
{
    const struct pose_mul_params p = *(const struct pose_mul_params *)op->params;
    const struct pose_mve_scale scale = pose_mve_scale(p.multiplier, p.shift);
    const struct pose_mve_range range = {p.out_zero_point, p.act_min, p.act_max};
    POSE_BROADCAST(op, int8_t, int8_t, {
        for (uint32_t i = 0; i < count; i += 8u) {
            const mve_pred16_t lanes = vctp16q(count - i);
            const int16x8_t a_values = vsubq_n_s16(pose_mve_load_8(a_at, a_step, lanes), p.a_zero_point);
            const int16x8_t b_values = vsubq_n_s16(pose_mve_load_8(b_at, b_step, lanes), p.b_zero_point);
            const int32x4_t even = pose_mve_requantize(vmullbq_int_s16(a_values, b_values), &scale);
            const int32x4_t odd = pose_mve_requantize(vmulltq_int_s16(a_values, b_values), &scale);
            pose_mve_store_8(out + i, even, odd, &range, lanes);
            a_at += 8u * a_step;
            b_at += 8u * b_step;
        }
        out += count;
    });
    return POSE_OK;
}

static int run(const struct pose_op *op)
{
    return pose_arithmetic_plain(op) ? pose_mul_run_plain(op) : run_int8(op);
}

POSE_KERNEL_FLAGS(POSE_OPCODE_MUL, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_mul_check, run);
