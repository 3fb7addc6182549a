/* ADD, int8 with broadcasting: what each stored value of either input contributes is worked out once for all 256
 * values, so that an element costs two look-ups and one requantisation. Same bits as the portable kernel. */
#include "kernels/add.h"

#define VALUES 256

/* Terms of both inputs, by the stored byte read as unsigned. */
static uint64_t get_scratch_bytes(void)
{
    return 2u * VALUES * sizeof(int32_t);
}

static int check(const struct pose_op *op)
{
    const int status = pose_add_check(op);
    return status != POSE_OK ? status : pose_check_scratch(op, get_scratch_bytes());
}

static void fill_tables(const struct pose_add_params *p, int32_t *a_terms, int32_t *b_terms)
{
    for (int32_t byte = 0; byte < VALUES; byte++) {
        a_terms[byte] = pose_add_term_a(p, (int8_t)byte);
        b_terms[byte] = pose_add_term_b(p, (int8_t)byte);
    }
}

static int run(const struct pose_op *op)
{
    const struct pose_add_params p = *(const struct pose_add_params *)op->params;
    int32_t *const a_terms = op->scratch;
    int32_t *const b_terms = a_terms + VALUES;
    fill_tables(&p, a_terms, b_terms);
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

POSE_KERNEL(POSE_OPCODE_ADD, check, run);
