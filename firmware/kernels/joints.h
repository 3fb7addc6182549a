/* What CONCATENATION and SPLIT share: tensors ("parts") that lie side by side along one axis of another ("whole"). Seen
 * from outside the axis, the whole is `count` rows, each made of one chunk of every part. */
#ifndef POSE_KERNELS_JOINTS_H
#define POSE_KERNELS_JOINTS_H

#include <string.h>

#include "kernels/checks.h"
#include "kernels/params.h"

/* Part of check(): parts have the whole's type and, but for the axis, its shape; along the axis they add up to it. */
static inline bool pose_joints_valid(const struct pose_operand *whole, const struct pose_operand *parts, uint32_t count, uint32_t axis)
{
    const struct pose_image_tensor *all = whole->tensor;
    uint64_t total = 0;
    if (axis >= all->rank) {
        return false;
    }
    for (uint32_t k = 0; k < count; k++) {
        const struct pose_image_tensor *part = parts[k].tensor;
        if (part->dtype != all->dtype || part->rank != all->rank) {
            return false;
        }
        for (uint32_t i = 0; i < all->rank; i++) {
            if (i != axis && part->dims[i] != all->dims[i]) {
                return false;
            }
        }
        total += part->dims[axis];
    }
    return total == all->dims[axis];
}

/* Rows of the whole. */
static inline uint32_t pose_joints_rows(const struct pose_image_tensor *whole, uint32_t axis)
{
    uint32_t rows = 1;
    for (uint32_t i = 0; i < axis; i++) {
        rows *= whole->dims[i];
    }
    return rows;
}

#endif
