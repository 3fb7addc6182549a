/* SOFTMAX, int8, along the last dimension, with Helium. Same bits as the portable kernel: exponentials are gathered four at a time,
 * and the inverses of four sums are worked out together. All values that are rounded are positive, so that VRSHR and VRSHL, which
 * round ties upwards, do as the reference does. */
#include <arm_mve.h>

#include "kernels/softmax.h"

#define ROWS 4u

static int32_t find_largest(const int8_t *in, uint32_t depth)
{
    int32_t largest = INT8_MIN;
    __asm volatile("wlstp.8 lr, %[depth], 2f\n"
                   "1: vldrb.8 q0, [%[in]], #16\n"
                   "vmaxv.s8 %[largest], q0\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [in] "+r"(in), [largest] "+r"(largest)
                   : [depth] "r"(depth)
                   : "q0", "lr", "cc", "memory");
    return largest;
}

/* Exponentials of four elements to q1. */
#define GATHER                                  \
    "vldrb.s32 q0, [%[in]], #4\n"               \
    "vmlas.s32 q0, %q[minus_one], %[largest]\n" \
    "vldrw.u32 q1, [%[exps], q0, uxtw #2]\n"

/* In 2^-19, as the portable kernel sums them. */
static uint32_t sum_exps(const int8_t *in, uint32_t depth, int32_t largest, const int32_t *exps)
{
    register uint32_t total __asm("r0") = 0; /* VADDVA adds to an even register */
    __asm volatile("wlstp.32 lr, %[depth], 2f\n"
                   "1:\n" GATHER "vrshr.s32 q1, q1, #12\n"
                   "vaddva.u32 %[total], q1\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [in] "+l"(in), [total] "+r"(total)
                   : [depth] "r"(depth), [largest] "r"(largest), [exps] "r"(exps), [minus_one] "w"(vdupq_n_s32(-1))
                   : "q0", "q1", "lr", "cc", "memory");
    return total;
}

/* Shares of the whole in 1/256, by `scale` and a shift to the right. */
static void scale_exps(const int8_t *in, uint32_t depth, int32_t largest, const int32_t *exps, int32_t scale, int32_t shift, int8_t *out)
{
    __asm volatile("wlstp.32 lr, %[depth], 2f\n"
                   "1:\n" GATHER "vqrdmulh.s32 q1, q1, %[scale]\n"
                   "vrshl.s32 q1, %[shift]\n"
                   "vmin.u32 q1, q1, %q[most]\n"
                   "vadd.i32 q1, q1, %[lowest]\n"
                   "vstrb.32 q1, [%[out]], #4\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [in] "+l"(in), [out] "+l"(out)
                   : [depth] "r"(depth), [largest] "r"(largest), [exps] "r"(exps), [scale] "r"(scale), [shift] "r"(shift),
                     [lowest] "r"(INT8_MIN), [minus_one] "w"(vdupq_n_s32(-1)), [most] "w"(vdupq_n_u32(UINT8_MAX))
                   : "q0", "q1", "lr", "cc", "memory");
}

/* 1 / (1 + x) for x in 0..1, as inverse_of_one_plus() of the portable kernel, of four. */
static int32x4_t inverse_of_one_plus(uint32x4_t x)
{
    const int32x4_t half = vaddq_n_s32(vreinterpretq_s32_u32(vshrq_n_u32(x, 1)), 1 << 30);
    int32x4_t guess = vaddq_n_s32(vqrdmulhq_n_s32(half, POSE_SOFTMAX_SLOPE), POSE_SOFTMAX_GUESS);
    for (int step = 0; step < POSE_SOFTMAX_STEPS; step++) {
        const int32x4_t error = vsubq_s32(vdupq_n_s32(POSE_SOFTMAX_ONE), vqrdmulhq_s32(half, guess));
        guess = vaddq_s32(guess, vqshlq_n_s32(vqrdmulhq_s32(guess, error), 2));
    }
    return vqshlq_n_s32(guess, 1);
}

static void soften(const int8_t *in, int8_t *out, uint32_t rows, uint32_t depth, const int32_t *exps)
{
    int32_t largest[ROWS];
    uint32_t sums[ROWS] = {1, 1, 1, 1}; /* 2^19 at least, less than 2^28; of rows that are not there, what can be shifted */
    int32_t scales[ROWS];
    int32_t shifts[ROWS];
    for (uint32_t i = 0; i < rows; i++) {
        largest[i] = find_largest(in + i * depth, depth);
        sums[i] = sum_exps(in + i * depth, depth, largest[i], exps);
    }
    const uint32x4_t sum = vldrwq_u32(sums);
    const int32x4_t headroom = vreinterpretq_s32_u32(vclzq_u32(sum));
    const uint32x4_t fraction = vbicq_u32(vshlq_u32(sum, headroom), vdupq_n_u32((uint32_t)1 << 31));
    vstrwq_s32(scales, inverse_of_one_plus(fraction));
    vstrwq_s32(shifts, vsubq_n_s32(headroom, 12 + 31 - 8));
    for (uint32_t i = 0; i < rows; i++) {
        scale_exps(in + i * depth, depth, largest[i], exps, scales[i], shifts[i], out + i * depth);
    }
}

static int run(const struct pose_op *op)
{
    const struct pose_softmax_params *p = op->params;
    const struct pose_image_tensor *tensor = op->in[0].tensor;
    const uint32_t depth = tensor->dims[tensor->rank - 1u];
    const int32_t *const exps = (const void *)(op->image + p->exps_off);
    const int8_t *in = op->in[0].data;
    int8_t *out = op->out[0].data;
    for (uint32_t left = tensor->bytes / depth; left > 0u;) {
        const uint32_t rows = left < ROWS ? left : ROWS;
        soften(in, out, rows, depth, exps);
        in += rows * depth;
        out += rows * depth;
        left -= rows;
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_SOFTMAX, POSE_OP_IN_PLACE, pose_softmax_check, run);
