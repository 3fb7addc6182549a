/* BATCH_MATMUL, int8: out[.., m, n] = requant(sum over k of (a[.., m, k] - a_zero_point) * (b[.., k, n] - b_zero_point)). Steps say
 * where the next element of each dimension lies, so that transposed and broadcast sides cost no copy. */
#include "kernels/checks.h"
#include "kernels/fixed_point.h"
#include "kernels/params.h"

/* The last element that the steps reach lies inside the operand. */
static bool inside(const struct pose_operand *operand, const uint32_t *outer, const uint32_t *steps, uint32_t rows, uint32_t columns)
{
    const uint32_t sizes[5] = {outer[0], outer[1], outer[2], rows, columns};
    const uint32_t elements = pose_elements(operand);
    uint64_t last = 0;
    for (uint32_t i = 0; i < 5u; i++) {
        if (steps[i] > elements) {
            return false;
        }
        last += (uint64_t)(sizes[i] - 1u) * steps[i];
    }
    return last < elements;
}

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 2u, 1u, sizeof(struct pose_matmul_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_matmul_params *p = op->params;
    if (op->in[0].tensor->dtype != POSE_INT8 || op->in[1].tensor->dtype != POSE_INT8 || op->out[0].tensor->dtype != POSE_INT8) {
        return POSE_ERR_OPERATOR;
    }
    uint32_t count = 1u;
    const uint32_t sizes[5] = {p->outer[0], p->outer[1], p->outer[2], p->rows, p->columns};
    for (uint32_t i = 0; i < 5u; i++) {
        if (sizes[i] == 0u || !pose_multiply_size(&count, sizes[i])) {
            return POSE_ERR_IMAGE;
        }
    }
    const bool valid = count == pose_elements(&op->out[0]) && p->depth >= 1u && p->depth <= POSE_MATMUL_MAX_DEPTH &&
                       pose_requant_valid(p->multiplier, p->shift) && inside(&op->in[0], p->outer, p->a_steps, p->rows, p->depth) &&
                       inside(&op->in[1], p->outer, p->b_steps, p->depth, p->columns);
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

/* One matrix product; returns the output's end. */
static int8_t *multiply(const struct pose_matmul_params *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    for (uint32_t m = 0; m < p->rows; m++) {
        for (uint32_t n = 0; n < p->columns; n++) {
            const int8_t *left = a + (size_t)m * p->a_steps[3];
            const int8_t *right = b + (size_t)n * p->b_steps[4];
            int32_t sum = 0;
            for (uint32_t k = p->depth; k > 0u; k--) {
                sum += (*left - p->a_zero_point) * (*right - p->b_zero_point);
                left += p->a_steps[4];
                right += p->b_steps[3];
            }
            const int32_t scaled = pose_requantize(sum, p->multiplier, p->shift);
            *out++ = (int8_t)pose_clamp(pose_wrap_add(scaled, p->out_zero_point), INT8_MIN, INT8_MAX);
        }
    }
    return out;
}

static int run(const struct pose_op *op)
{
    const struct pose_matmul_params p = *(const struct pose_matmul_params *)op->params;
    const int8_t *const a = op->in[0].data;
    const int8_t *const b = op->in[1].data;
    int8_t *out = op->out[0].data;
    for (size_t i = 0; i < p.outer[0]; i++) {
        for (size_t j = 0; j < p.outer[1]; j++) {
            for (size_t k = 0; k < p.outer[2]; k++) {
                out = multiply(&p, a + i * p.a_steps[0] + j * p.a_steps[1] + k * p.a_steps[2],
                               b + i * p.b_steps[0] + j * p.b_steps[1] + k * p.b_steps[2], out);
            }
        }
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_BATCH_MATMUL, check, run);
