/* A tensor seen from one of its dimensions: [outer][size][inner]. */
#ifndef POSE_KERNELS_AXIS_H
#define POSE_KERNELS_AXIS_H

#include "kernels/checks.h"

struct pose_axis {
    uint32_t outer, size, inner; /* elements */
};

/* `axis` is below the rank of the tensor, which pose_check_operand() accepted. */
static inline struct pose_axis pose_axis_open(const struct pose_image_tensor *tensor, uint32_t axis)
{
    struct pose_axis split = {.outer = 1u, .size = tensor->dims[axis], .inner = 1u};
    for (uint32_t i = 0; i < tensor->rank; i++) {
        if (i < axis) {
            split.outer *= tensor->dims[i];
        } else if (i > axis) {
            split.inner *= tensor->dims[i];
        }
    }
    return split;
}

/* `part` has the shape of `whole` without dimension `axis`. */
static inline bool pose_axis_removed(const struct pose_image_tensor *whole, const struct pose_image_tensor *part, uint32_t axis)
{
    if (axis >= whole->rank || part->rank + 1u != whole->rank) {
        return false;
    }
    for (uint32_t i = 0; i < part->rank; i++) {
        if (part->dims[i] != whole->dims[i < axis ? i : i + 1u]) {
            return false;
        }
    }
    return true;
}

#endif
