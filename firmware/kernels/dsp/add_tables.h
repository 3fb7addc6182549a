/* ADD and SUB, int8 with broadcasting: what each stored value of either input contributes is worked out once for all 256
 * values, so that an element costs two look-ups and one requantisation. Same bits as the portable kernels. */
#ifndef POSE_KERNELS_DSP_ADD_TABLES_H
#define POSE_KERNELS_DSP_ADD_TABLES_H

#include "kernels/add.h"

#define POSE_ADD_VALUES 256

/* Terms of both inputs, by the stored byte read as unsigned. */
static inline uint64_t pose_add_scratch_bytes(void)
{
    return 2u * POSE_ADD_VALUES * sizeof(int32_t);
}

static inline int pose_add_tables_check(const struct pose_op *op)
{
    const int status = pose_add_check(op);
    return status != POSE_OK || pose_arithmetic_plain(op) ? status : pose_check_scratch(op, pose_add_scratch_bytes());
}

static inline int pose_add_run_tables(const struct pose_op *op, struct pose_add_params p)
{
    int32_t *const a_terms = op->scratch;
    int32_t *const b_terms = a_terms + POSE_ADD_VALUES;
    for (int32_t byte = 0; byte < POSE_ADD_VALUES; byte++) {
        a_terms[byte] = pose_add_term_a(&p, (int8_t)byte);
        b_terms[byte] = pose_add_term_b(&p, (int8_t)byte);
    }
    POSE_BROADCAST(op, uint8_t, int8_t, {
        for (const int8_t *const end = out + count; out != end; out++) {
            *out = pose_add_output(&p, a_terms[*a_at], b_terms[*b_at]);
            a_at += a_step;
            b_at += b_step;
        }
    });
    return POSE_OK;
}

#endif
