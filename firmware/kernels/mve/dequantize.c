/* DEQUANTIZE of 8-bit values with Helium, four at a time. Same bits as the portable kernel: a normal scale times an integer is
 * zero or normal, so that nothing is there for Helium to flush; other scales are left to the FPU. */
#include <arm_mve.h>
#include <float.h>

#include "kernels/dequantize.h"

#define LOOP(type, zero, scale, in, out, count)                                     \
    __asm volatile("wlstp.32 lr, %[left], 2f\n"                                     \
                   "1: vldrb." type " q0, [%[from]], #4\n"                          \
                   "vsub.i32 q0, q0, %[zero_point]\n"                               \
                   "vcvt.f32.s32 q0, q0\n"                                          \
                   "vmul.f32 q0, q0, %[factor]\n"                                   \
                   "vstrw.32 q0, [%[to]], #16\n"                                    \
                   "letp lr, 1b\n"                                                  \
                   "2:\n"                                                           \
                   : [from] "+l"(in), [to] "+r"(out)                                \
                   : [left] "r"(count), [zero_point] "r"(zero), [factor] "r"(scale) \
                   : "q0", "lr", "cc", "memory")

static int run(const struct pose_op *op)
{
    const struct pose_affine_params *p = op->params;
    if (!(p->scale >= FLT_MIN && p->scale <= FLT_MAX)) {
        return pose_dequantize_run(op);
    }
    const uint8_t *in = op->in[0].data;
    float *out = op->out[0].data;
    const uint32_t count = pose_elements(&op->in[0]);
    if (op->in[0].tensor->dtype == POSE_INT8) {
        LOOP("s32", p->zero_point, p->scale, in, out, count);
    } else {
        LOOP("u32", p->zero_point, p->scale, in, out, count);
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_DEQUANTIZE, POSE_KERNEL_ROWS, pose_dequantize_check, run);
