/* MUL with broadcasting: int8 with Helium, float32, int32. Same bits as the portable kernel.
 *
 * Eight elements at a time, products of even and odd ones apart. Where the product is shifted right and the range of the
 * activation is that of int8 (nearly always), the high half of a product is added to its sign, which makes ties go away from zero
 * in the shift after it. */
#include "kernels/mul.h"
#include "kernels/mve/elements.h"
#include "kernels/mve/runs.h"

struct product {
    struct pose_mve_scale scale;
    struct pose_mve_range range;
    int16_t a_zero_point, b_zero_point;
};

#define LOAD_B                   \
    "vldrb.s16 q1, [%[b]], #8\n" \
    "vsub.i16 q1, q1, %[b_zero]\n"
#define SAME_B "vdup.16 q1, %[b_zero]\n"
#define MULTIPLY(B, ...)                                                                                                              \
    __asm volatile("wlstp.16 lr, %[left], 2f\n"                                                                                       \
                   "1: vldrb.s16 q0, [%[a]], #8\n" B "vsub.i16 q0, q0, %[a_zero]\n"                                                   \
                   "vmullb.s16 q2, q0, q1\n"                                                                                          \
                   "vmullt.s16 q3, q0, q1\n"                                                                                          \
                   "vshr.s32 q0, q2, #31\n"                                                                                           \
                   "vshr.s32 q1, q3, #31\n"                                                                                           \
                   "vqrdmlah.s32 q0, q2, %[multiplier]\n"                                                                             \
                   "vqrdmlah.s32 q1, q3, %[multiplier]\n"                                                                             \
                   "vrshl.s32 q0, %[shift]\n"                                                                                         \
                   "vrshl.s32 q1, %[shift]\n"                                                                                         \
                   "vqmovnb.s32 q0, q0\n"                                                                                             \
                   "vqmovnt.s32 q0, q1\n"                                                                                             \
                   "vqadd.s16 q0, q0, %[zero_point]\n"                                                                                \
                   "vqmovnb.s16 q0, q0\n"                                                                                             \
                   "vstrb.16 q0, [%[out]], #8\n"                                                                                      \
                   "letp lr, 1b\n"                                                                                                    \
                   "2:\n"                                                                                                             \
                   : [a] "+l"(a), [out] "+l"(out)__VA_ARGS__                                                                          \
                   : [left] "r"(count), [a_zero] "r"(product->a_zero_point), [b_zero] "r"(b_zero), [shift] "r"(product->scale.right), \
                     [multiplier] "r"(product->scale.multiplier), [zero_point] "r"(product->range.zero_point)                         \
                   : "q0", "q1", "q2", "q3", "lr", "cc", "memory")

static int8_t multiply_one(const struct product *product, int32_t a, int32_t b)
{
    const int32_t factors = (a - product->a_zero_point) * (b - product->b_zero_point);
    const int32_t scaled = pose_requantize(factors, product->scale.multiplier, product->scale.right);
    return (int8_t)pose_clamp(pose_wrap_add(scaled, product->range.zero_point), INT8_MIN, INT8_MAX);
}

/* The second input has a value for each element, or one for all. The vectors take an even number of elements: the loop's predicate
 * would leave half of the last product of an odd one as it was. */
static void multiply_short(const struct product *product, const int8_t *a, const int8_t *b, uint32_t b_step, uint32_t elements, int8_t *out)
{
    const uint32_t count = elements & ~1u;
    const int8_t last = multiply_one(product, a[elements - 1u], b[(elements - 1u) * b_step]);
    int8_t *const end = out + elements - 1u;
    const int32_t b_zero = b_step != 0u ? product->b_zero_point : *b - product->b_zero_point;
    if (b_step != 0u) {
        MULTIPLY(LOAD_B, , [b] "+l"(b));
    } else {
        MULTIPLY(SAME_B);
    }
    *end = last;
}

static void multiply(const void *constants, const int8_t *a, uint32_t a_step, const int8_t *b, uint32_t b_step, uint32_t count, int8_t *out)
{
    const struct product product = *(const struct product *)constants;
    if (product.scale.right < 0 && product.range.low == INT8_MIN && product.range.high == INT8_MAX && a_step == 1u) {
        multiply_short(&product, a, b, b_step, count, out);
        return;
    }
    for (uint32_t i = 0; i < count; i += 8u) {
        const mve_pred16_t lanes = vctp16q(count - i);
        const int16x8_t a_values = vsubq_n_s16(pose_mve_load_8(a, a_step, lanes), product.a_zero_point);
        const int16x8_t b_values = vsubq_n_s16(pose_mve_load_8(b, b_step, lanes), product.b_zero_point);
        const int32x4_t even = pose_mve_requantize(vmullbq_int_s16(a_values, b_values), &product.scale);
        const int32x4_t odd = pose_mve_requantize(vmulltq_int_s16(a_values, b_values), &product.scale);
        pose_mve_store_8(out + i, even, odd, &product.range, lanes);
        a += 8u * a_step;
        b += 8u * b_step;
    }
}

static int run(const struct pose_op *op)
{
    if (pose_arithmetic_plain(op)) {
        return pose_mul_run_plain(op);
    }
    const struct pose_mul_params *p = op->params;
    const struct product product = {.scale = pose_mve_scale(p->multiplier, p->shift),
                                    .range = {p->out_zero_point, p->act_min, p->act_max},
                                    .a_zero_point = p->a_zero_point,
                                    .b_zero_point = p->b_zero_point};
    pose_mve_runs(&product, op, multiply);
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_MUL, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_mul_check, run);
