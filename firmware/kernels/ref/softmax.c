/* SOFTMAX, int8, along the last dimension. */
#include "kernels/softmax.h"

/* round(a * b / 2^31), ties upwards; never both INT32_MIN. */
static int32_t high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

static int32_t saturate(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : (value < INT32_MIN ? INT32_MIN : (int32_t)value);
}

/* 1 / (1 + x) for x in 0..1, both as fractions of 2^31; three steps from 48/17 - 32/17 * (1 + x) / 2. */
static int32_t inverse_of_one_plus(int32_t x)
{
    const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
    int32_t guess = pose_wrap_add(POSE_SOFTMAX_GUESS, high_mul(half, POSE_SOFTMAX_SLOPE));
    for (int step = 0; step < POSE_SOFTMAX_STEPS; step++) {
        const int32_t error = pose_wrap_add(POSE_SOFTMAX_ONE, -high_mul(half, guess));
        guess = pose_wrap_add(guess, saturate((int64_t)high_mul(guess, error) * 4));
    }
    return saturate((int64_t)guess * 2);
}

static void soften(const int8_t *in, int8_t *out, uint32_t depth, const int32_t *exps)
{
    int32_t largest = in[0];
    uint32_t sum = 0; /* in 2^-19; 2^19 at least, for the largest itself, and less than 2^28 */
    for (uint32_t i = 1; i < depth; i++) {
        largest = in[i] > largest ? in[i] : largest;
    }
    for (uint32_t i = 0; i < depth; i++) {
        sum += (uint32_t)pose_rounding_shift(exps[largest - in[i]], 12u);
    }
    const uint32_t headroom = (uint32_t)__builtin_clz(sum);
    const int32_t scale = inverse_of_one_plus((int32_t)((sum << headroom) - ((uint32_t)1 << 31)));
    const uint32_t shift = 12u - headroom + 31u - 8u;
    for (uint32_t i = 0; i < depth; i++) {
        const int32_t share = pose_rounding_shift(high_mul(scale, exps[largest - in[i]]), shift);
        out[i] = (int8_t)pose_clamp(share + INT8_MIN, INT8_MIN, INT8_MAX);
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
    for (uint32_t left = tensor->bytes; left > 0u; left -= depth) {
        soften(in, out, depth, exps);
        in += depth;
        out += depth;
    }
    return POSE_OK;
}

POSE_KERNEL_FLAGS(POSE_OPCODE_SOFTMAX, POSE_OP_IN_PLACE, pose_softmax_check, run);
