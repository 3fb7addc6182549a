/* MUL with broadcasting: int8 four elements at a time with the DSP instructions where both inputs advance and the short
 * requantisation is exact, one by one otherwise; float32, int32. Same bits as the portable kernel. */
#include "kernels/dsp/intrinsics.h"
#include "kernels/dsp/requantize.h"
#include "kernels/mul.h"

/* One product to a stored byte. */
static inline uint32_t output(int32_t product, const struct pose_short_scale *scale)
{
    return (uint8_t)pose_short_output(product, scale->multiplier, scale->offset, scale->right);
}

/* The lower and the upper value of a pair, less the zero point. */
static inline int32_t lower(uint32_t pair, int32_t zero_point)
{
    return (int16_t)pair - zero_point;
}

static inline int32_t upper(uint32_t pair, int32_t zero_point)
{
    return (int16_t)(pair >> 16) - zero_point;
}

/* `count` is a multiple of 4. */
static void multiply_words(const struct pose_mul_params *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t count)
{
    const struct pose_short_scale scale = pose_make_scale(0, p->multiplier, p->shift, p->out_zero_point);
    const int32_t a_zero = p->a_zero_point;
    const int32_t b_zero = p->b_zero_point;
    for (const int8_t *const end = out + count; out != end; out += 4) {
        const uint32_t a_word = pose_load4(a);
        const uint32_t b_word = pose_load4(b);
        const uint32_t a_even = pose_even_bytes(a_word);
        const uint32_t a_odd = pose_odd_bytes(a_word);
        const uint32_t b_even = pose_even_bytes(b_word);
        const uint32_t b_odd = pose_odd_bytes(b_word);
        uint32_t word = output(lower(a_even, a_zero) * lower(b_even, b_zero), &scale);
        word |= output(lower(a_odd, a_zero) * lower(b_odd, b_zero), &scale) << 8;
        word |= output(upper(a_even, a_zero) * upper(b_even, b_zero), &scale) << 16;
        word |= output(upper(a_odd, a_zero) * upper(b_odd, b_zero), &scale) << 24;
        memcpy(out, &word, sizeof word);
        a += 4;
        b += 4;
    }
}

/* Both inputs advance: `count` elements from each. */
static void multiply_run(const struct pose_mul_params *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t count)
{
    const uint32_t words = count & ~3u;
    multiply_words(p, a, b, out, words);
    for (uint32_t i = words; i < count; i++) {
        out[i] = pose_mul_output(p, a[i], b[i]);
    }
}

static int run_int8(const struct pose_op *op)
{
    const struct pose_mul_params p = *(const struct pose_mul_params *)op->params;
    struct pose_broadcast walk = pose_broadcast_open(op);
    const uint32_t count = pose_broadcast_run_length(&walk);
    const bool both_advance = walk.steps[0][walk.rank - 1u] != 0u && walk.steps[1][walk.rank - 1u] != 0u;
    if (!both_advance || !pose_scales_shortly(p.shift, p.act_min, p.act_max)) {
        return pose_mul_run_int8(op);
    }
    int8_t *out = op->out[0].data;
    do {
        multiply_run(&p, (const int8_t *)op->in[0].data + walk.offsets[0], (const int8_t *)op->in[1].data + walk.offsets[1], out, count);
        out += count;
    } while (pose_broadcast_next(&walk));
    return POSE_OK;
}

static int run(const struct pose_op *op)
{
    return pose_arithmetic_plain(op) ? pose_mul_run_plain(op) : run_int8(op);
}

POSE_KERNEL_FLAGS(POSE_OPCODE_MUL, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_mul_check, run);
