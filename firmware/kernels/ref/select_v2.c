/* SELECT_V2 of any element type: of two values, the one that a condition names; all three broadcast. */
#include <string.h>

#include "kernels/broadcast.h"

#define INPUTS 3u

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, INPUTS, 1u, 0u);
    if (status != POSE_OK) {
        return status;
    }
    const uint8_t dtype = op->out[0].tensor->dtype;
    if (op->in[0].tensor->dtype != POSE_BOOL || op->in[1].tensor->dtype != dtype || op->in[2].tensor->dtype != dtype) {
        return POSE_ERR_OPERATOR;
    }
    const uint32_t rank = op->out[0].tensor->rank;
    for (uint32_t k = 0; k < INPUTS; k++) {
        if (op->in[k].tensor->rank > rank) {
            return POSE_ERR_IMAGE;
        }
        for (uint32_t i = 0; i < rank; i++) {
            const uint32_t size = pose_broadcast_size(&op->in[k], rank, i);
            if (size != 1u && size != op->out[0].tensor->dims[i]) {
                return POSE_ERR_IMAGE;
            }
        }
    }
    return POSE_OK;
}

/* Elements from one index to the next of each output dimension in one input, 0 where it is repeated. */
static void open_steps(const struct pose_op *op, uint32_t k, uint32_t *steps)
{
    const uint32_t rank = op->out[0].tensor->rank;
    uint32_t step = 1;
    for (uint32_t i = rank; i-- > 0u;) {
        const uint32_t size = pose_broadcast_size(&op->in[k], rank, i);
        steps[i] = size == 1u ? 0u : step;
        step *= size;
    }
}

static int run(const struct pose_op *op)
{
    const struct pose_image_tensor *tensor = op->out[0].tensor;
    const uint32_t bytes = pose_dtype_bytes(tensor->dtype);
    uint32_t steps[INPUTS][POSE_IMAGE_MAX_RANK];
    uint32_t at[POSE_IMAGE_MAX_RANK] = {0};
    uint32_t offsets[INPUTS] = {0};
    for (uint32_t k = 0; k < INPUTS; k++) {
        open_steps(op, k, steps[k]);
    }
    uint8_t *out = op->out[0].data;
    for (const uint8_t *const end = out + tensor->bytes; out != end; out += bytes) {
        const uint32_t k = ((const uint8_t *)op->in[0].data)[offsets[0]] != 0u ? 1u : 2u;
        memcpy(out, (const uint8_t *)op->in[k].data + (size_t)offsets[k] * bytes, bytes);
        for (uint32_t i = tensor->rank; i-- > 0u;) {
            const bool inside = ++at[i] < tensor->dims[i];
            for (uint32_t input = 0; input < INPUTS; input++) {
                offsets[input] += inside ? steps[input][i] : steps[input][i] * (1u - tensor->dims[i]); /* modulo 2^32 */
            }
            if (inside) {
                break;
            }
            at[i] = 0u;
        }
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_SELECT_V2, check, run);
