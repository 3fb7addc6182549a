/* QUANTIZE to 8 bits with Helium. Same bits as the portable kernel.
 *
 * There is no division of vectors. Floats are multiplied by the inverse of the scale, which is wrong by less than one part in 2^21, so
 * by less than 2^-11 where the result matters (beyond +-1000 it is clamped, whatever it is). Where that could change the
 * rounding, and for NaN and infinity, the four values are left to the FPU. What Helium flushes to zero is far below a half. */
#include <arm_mve.h>

#include "kernels/quantize.h"

#define FOUR 4u
#define SURE 0.499f /* a distance from the nearest integer up to which the quotient's rounding is certain */
#define LEAST_SCALE 0x1p-100f
#define LARGEST_SCALE 0x1p100f

/* Fours of floats up to the first that is in doubt. Returns how many fours. */
static uint32_t quantize_sure(const float *in, uint32_t fours, const struct pose_affine_params *p, int32_t low, uint8_t *out)
{
    const uint32_t all = fours;
    const int32x4_t lowest = vdupq_n_s32(low);
    const int32x4_t highest = vdupq_n_s32(low + UINT8_MAX);
    __asm volatile(
        "1: vldrw.u32 q0, [%[in]], #16\n"
        "vmul.f32 q0, q0, %[inverse]\n"
        "vrinta.f32 q1, q0\n"
        "vabd.f32 q0, q0, q1\n"
        "vcmp.f32 lt, q0, %[sure]\n"
        "vmrs r0, p0\n"
        "vcvt.s32.f32 q1, q1\n"
        "mvns r0, r0, lsl #16\n"
        "lsrs r0, r0, #16\n"
        "bne 2f\n"
        "vqadd.s32 q1, q1, %[zero_point]\n"
        "vmax.s32 q1, q1, %q[lowest]\n"
        "vmin.s32 q1, q1, %q[highest]\n"
        "vstrb.32 q1, [%[out]], #4\n"
        "subs %[fours], #1\n"
        "bne 1b\n"
        "2:\n"
        : [in] "+r"(in), [out] "+l"(out), [fours] "+l"(fours)
        : [inverse] "r"(1.0f / p->scale), [sure] "r"(SURE), [zero_point] "r"(p->zero_point), [lowest] "w"(lowest), [highest] "w"(highest)
        : "r0", "q0", "q1", "cc", "memory");
    return all - fours;
}

static void quantize_floats(const float *in, uint32_t count, const struct pose_affine_params *p, bool is_signed, uint8_t *out)
{
    if (!(p->scale >= LEAST_SCALE && p->scale <= LARGEST_SCALE)) {
        pose_quantize_floats(in, count, p, is_signed, out);
        return;
    }
    while (count != 0u) {
        if (count >= FOUR) {
            const uint32_t done = quantize_sure(in, count / FOUR, p, is_signed ? -128 : 0, out) * FOUR;
            in += done;
            out += done;
            count -= done;
        }
        const uint32_t next = count < FOUR ? count : FOUR;
        pose_quantize_floats(in, next, p, is_signed, out);
        in += next;
        out += next;
        count -= next;
    }
}

static int run(const struct pose_op *op)
{
    const struct pose_affine_params *p = op->params;
    if (op->in[0].tensor->dtype != POSE_FLOAT32) {
        return pose_table_run(op, p->table_off);
    }
    quantize_floats(op->in[0].data, pose_elements(&op->in[0]), p, op->out[0].tensor->dtype == POSE_INT8, op->out[0].data);
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_QUANTIZE, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_quantize_check, run);
