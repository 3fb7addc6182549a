/* CAST with Helium: 8-bit integers and booleans to int32 or float32, four at a time. Same bits as the portable kernel, which does the
 * rest. */
#include <arm_mve.h>

#include "kernels/cast.h"

#define LOOP(type, convert)                                                                     \
    __asm volatile("wlstp.32 lr, %[count], 2f\n"                                                \
                   "1: vldrb." type " q0, [%[in]], #4\n" convert "vstrw.32 q0, [%[out]], #16\n" \
                   "letp lr, 1b\n"                                                              \
                   "2:\n"                                                                       \
                   : [in] "+l"(in), [out] "+r"(out)                                             \
                   : [count] "r"(count)                                                         \
                   : "q0", "lr", "cc", "memory")
#define TO_FLOAT "vcvt.f32.s32 q0, q0\n"

static int run(const struct pose_op *op)
{
    const uint8_t from = op->in[0].tensor->dtype;
    const bool to_float = op->out[0].tensor->dtype == POSE_FLOAT32;
    const uint32_t count = pose_elements(&op->in[0]);
    const uint8_t *in = op->in[0].data;
    uint8_t *out = op->out[0].data;
    if (from == POSE_INT32) {
        return pose_cast_run(op);
    }
    if (from == POSE_INT8 && to_float) {
        LOOP("s32", TO_FLOAT);
    } else if (from == POSE_INT8) {
        LOOP("s32", "");
    } else if (to_float) {
        LOOP("u32", TO_FLOAT);
    } else {
        LOOP("u32", "");
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_CAST, POSE_KERNEL_ROWS, pose_cast_check, run);
