/* ADD with broadcasting: int8 with Helium, float32, int32. Same bits as the portable kernel.
 *
 * The planner gives the input with the larger scale a multiplier of exactly one half: its term is the stored value less the zero
 * point, shifted. The other one's is shifted right after the multiplication, as the sum is; where the first input has not that
 * multiplier, or the range of the activation is not that of int8, the common way of ADD and SUB is taken (add.h). */
#include <string.h>

#include "kernels/mve/add.h"

#define EIGHT 8u
#define HALF (1 << 30)
#define SHIFT 20

/* What one pass over elements needs: `whole` is multiplied by a half, `part` is multiplied and shifted right. */
struct sum {
    int32_t whole_zero, part_zero; /* to be added to the shifted values */
    int32_t part_multiplier, part_shift, multiplier, shift, zero_point;
};

/* Four terms and their sum, requantised, to `result`. A product is added to the sign of its factor, which makes ties go away
 * from zero in the shift after it. */
#define SUM_4(result)                                  \
    "vldrb.s32 q0, [%[part]], #4\n"                    \
    "vldrb.s32 " #result ", [%[whole]], #4\n"          \
    "vmlas.s32 q0, %q[one], %[part_zero]\n"            \
    "vmlas.s32 " #result ", %q[half], %[whole_zero]\n" \
    "vshr.s32 q1, q0, #31\n"                           \
    "vqrdmlah.s32 q1, q0, %[part_multiplier]\n"        \
    "vrshl.s32 q1, %[part_shift]\n"                    \
    "vadd.i32 q1, q1, " #result "\n"                   \
    "vshr.s32 " #result ", q1, #31\n"                  \
    "vqrdmlah.s32 " #result ", q1, %[multiplier]\n"    \
    "vrshl.s32 " #result ", %[shift]\n"

/* Eight elements at a time. Lanes of the first four and of the second four alternate when they are narrowed. */
static void add_eights(const struct sum *sum, const int8_t *whole, const int8_t *part, uint32_t eights, int8_t *out)
{
    static const uint16_t places[EIGHT] = {0, 4, 1, 5, 2, 6, 3, 7};
    __asm volatile("wls lr, %[eights], 2f\n"
                   "1:\n" SUM_4(q2) SUM_4(q3) "vqmovnb.s32 q2, q2\n"
                                              "vqmovnt.s32 q2, q3\n"
                                              "vqadd.s16 q2, q2, %[zero_point]\n"
                                              "vqmovnb.s16 q2, q2\n"
                                              "vstrb.16 q2, [%[out], %q[places]]\n"
                                              "adds %[out], #8\n"
                                              "le lr, 1b\n"
                                              "2:\n"
                   : [whole] "+l"(whole), [part] "+l"(part), [out] "+l"(out)
                   : [eights] "r"(eights), [whole_zero] "r"(sum->whole_zero), [part_zero] "r"(sum->part_zero),
                     [part_multiplier] "r"(sum->part_multiplier), [part_shift] "r"(sum->part_shift), [multiplier] "r"(sum->multiplier),
                     [shift] "r"(sum->shift), [zero_point] "r"(sum->zero_point), [one] "w"(vdupq_n_s32(1 << SHIFT)),
                     [half] "w"(vdupq_n_s32(1 << (SHIFT - 1))), [places] "w"(vldrhq_u16(places))
                   : "lr", "q0", "q1", "q2", "q3", "cc", "memory");
}

static void add_run(const struct sum *sum, const int8_t *whole, const int8_t *part, uint32_t count, int8_t *out)
{
    const uint32_t eights = count / EIGHT;
    const uint32_t done = eights * EIGHT;
    const uint32_t left = count - done;
    add_eights(sum, whole, part, eights, out);
    if (left != 0u) {
        int8_t rest[3][EIGHT] = {{0}};
        memcpy(rest[0], whole + done, left);
        memcpy(rest[1], part + done, left);
        add_eights(sum, rest[0], rest[1], 1u, rest[2]);
        memcpy(out + done, rest[2], left);
    }
}

/* Whether the terms are those of add_eights(); `swapped`: the second input is the one of a half. */
static bool is_common(const struct pose_add_params *p, bool *swapped)
{
    const bool a_half = p->a_multiplier == HALF && p->a_shift == 0 && p->b_shift <= -1;
    const bool b_half = p->b_multiplier == HALF && p->b_shift == 0 && p->a_shift <= -1;
    *swapped = !a_half;
    return (a_half || b_half) && p->out_shift <= -1 && p->left_shift == SHIFT && p->act_min == INT8_MIN && p->act_max == INT8_MAX;
}

static int run_int8(const struct pose_op *op)
{
    const struct pose_add_params *p = op->params;
    bool swapped;
    POSE_BROADCAST_OPEN(op);
    if (!is_common(p, &swapped) || a_step + b_step != 2u) {
        return pose_mve_add_run(op, p);
    }
    const struct sum sum = {.whole_zero = -(swapped ? p->b_zero_point : p->a_zero_point) * (1 << (SHIFT - 1)),
                            .part_zero = -(swapped ? p->a_zero_point : p->b_zero_point) * (1 << SHIFT),
                            .part_multiplier = swapped ? p->a_multiplier : p->b_multiplier,
                            .part_shift = swapped ? p->a_shift : p->b_shift,
                            .multiplier = p->out_multiplier,
                            .shift = p->out_shift,
                            .zero_point = p->out_zero_point};
    int8_t *out = op->out[0].data;
    POSE_BROADCAST_RUNS(op, int8_t, {
        add_run(&sum, swapped ? b_at : a_at, swapped ? a_at : b_at, count, out);
        out += count;
    });
    return POSE_OK;
}

static int run(const struct pose_op *op)
{
    return pose_arithmetic_plain(op) ? pose_add_run_plain(op) : run_int8(op);
}

POSE_KERNEL_FLAGS(POSE_OPCODE_ADD, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_add_check, run);
