/* Copies elements of a tensor in another order: TRANSPOSE, SLICE, TILE and others are one walk with a fixed step per
 * output dimension (struct pose_walk_params), which the host worked out. Any element type. */
#ifndef POSE_KERNELS_WALK_H
#define POSE_KERNELS_WALK_H

#include <string.h>

#include "kernels/checks.h"
#include "kernels/params.h"

/* The walk stays inside `elements`; the sizes, which pose_walk_check() found to multiply to the output's, are not 0. */
static inline bool pose_walk_inside(const struct pose_walk_params *p, uint32_t elements)
{
    int64_t lowest = p->start;
    int64_t highest = p->start;
    for (uint32_t i = 0; i < POSE_IMAGE_MAX_RANK; i++) {
        const int64_t span = ((int64_t)p->sizes[i] - 1) * p->steps[i];
        if (span > INT32_MAX || span < -INT32_MAX) {
            return false;
        }
        lowest += span < 0 ? span : 0;
        highest += span > 0 ? span : 0;
    }
    return lowest >= 0 && highest < (int64_t)elements;
}

static inline int pose_walk_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_walk_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_walk_params *p = op->params;
    uint32_t count = 1u;
    for (uint32_t i = 0; i < POSE_IMAGE_MAX_RANK; i++) {
        if (p->sizes[i] == 0u || !pose_multiply_size(&count, p->sizes[i])) {
            return POSE_ERR_IMAGE;
        }
    }
    const bool valid = op->in[0].tensor->dtype == op->out[0].tensor->dtype && count == pose_elements(&op->out[0]) &&
                       pose_walk_inside(p, pose_elements(&op->in[0]));
    return valid ? POSE_OK : POSE_ERR_IMAGE;
}

/* out[i] = in[i * step], bytes; neither overlaps the other. In the set's spread.c. */
void pose_copy_spread(uint8_t *out, const uint8_t *in, uint32_t count, int32_t step);

/* Copies `count` elements of `size` bytes, `step` elements apart at the source. */
static inline void pose_walk_run_copy(uint8_t *out, const uint8_t *in, uint32_t count, int32_t step, uint32_t size)
{
    const ptrdiff_t stride = (ptrdiff_t)step * (ptrdiff_t)size;
    if (step == 1 || count == 1u) {
        memcpy(out, in, (size_t)count * size);
    } else if (size == 1u) {
        pose_copy_spread(out, in, count, step);
    } else if (size == 4u) {
        uint32_t *words = (uint32_t *)(void *)out;
        for (const uint32_t *const end = words + count; words != end; words++) {
            *words = *(const uint32_t *)(const void *)in;
            in += stride;
        }
    } else {
        for (uint32_t i = 0; i < count; i++) {
            memcpy(out, in, size);
            out += size;
            in += stride;
        }
    }
}

static inline int pose_walk_run(const struct pose_op *op)
{
    const struct pose_walk_params *p = op->params;
    const uint32_t last = POSE_IMAGE_MAX_RANK - 1u;
    const uint32_t size = pose_dtype_bytes(op->out[0].tensor->dtype);
    const uint32_t run_bytes = p->sizes[last] * size;
    const uint8_t *const in = op->in[0].data;
    uint8_t *out = op->out[0].data;
    const uint8_t *const end = out + op->out[0].tensor->bytes;
    uint32_t at[POSE_IMAGE_MAX_RANK] = {0};
    int32_t from = (int32_t)p->start;
    while (out != end) {
        pose_walk_run_copy(out, in + (size_t)from * size, p->sizes[last], p->steps[last], size);
        out += run_bytes;
        for (uint32_t i = last; i-- > 0u;) {
            if (++at[i] < p->sizes[i]) {
                from += p->steps[i];
                break;
            }
            from -= (int32_t)(((int64_t)p->sizes[i] - 1) * p->steps[i]);
            at[i] = 0u;
        }
    }
    return POSE_OK;
}

#endif
