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
    struct pose_broadcast walk = pose_broadcast_open(op);
    const uint32_t count = pose_broadcast_run_length(&walk);
    const uint32_t a_step = walk.steps[0][walk.rank - 1u];
    const uint32_t b_step = walk.steps[1][walk.rank - 1u];
    int8_t *out = op->out[0].data;
    do {
        const uint8_t *a = (const uint8_t *)op->in[0].data + walk.offsets[0];
        const uint8_t *b = (const uint8_t *)op->in[1].data + walk.offsets[1];
        for (const int8_t *const end = out + count; out != end; out++) {
            *out = pose_add_output(&p, a_terms[*a], b_terms[*b]);
            a += a_step;
            b += b_step;
        }
    } while (pose_broadcast_next(&walk));
    return POSE_OK;
}

#endif
