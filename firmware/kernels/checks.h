/* What every kernel's check() needs: operands and parameters are untrusted, sizes must not overflow. */
#ifndef POSE_KERNELS_CHECKS_H
#define POSE_KERNELS_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pose/image.h"
#include "pose/kernels.h"
#include "pose/status.h"

/* Multiplies *total by factor unless the product exceeds 32 bits. */
static inline bool pose_multiply_size(uint32_t *total, uint32_t factor)
{
    const uint64_t product = (uint64_t)*total * factor;
    *total = (uint32_t)product;
    return product <= UINT32_MAX;
}

/* Elements of a tensor that pose_check_operand() accepted. */
static inline uint32_t pose_elements(const struct pose_operand *operand)
{
    return operand->tensor->bytes / pose_dtype_bytes(operand->tensor->dtype);
}

/* The operand is present, aligned for its type, and its shape accounts for exactly its bytes; no size is zero and
 * dimensions beyond the rank are 1, and offsets into it fit int32_t. */
static inline bool pose_check_operand(const struct pose_operand *operand)
{
    const struct pose_image_tensor *tensor = operand->tensor;
    if (operand->data == NULL || tensor == NULL || tensor->rank > POSE_IMAGE_MAX_RANK) {
        return false;
    }
    uint32_t bytes = pose_dtype_bytes(tensor->dtype);
    if (bytes == 0u || ((uintptr_t)operand->data % bytes) != 0u) {
        return false;
    }
    for (uint32_t i = 0; i < POSE_IMAGE_MAX_RANK; i++) {
        const uint32_t size = tensor->dims[i];
        if (size == 0u || (i >= tensor->rank && size != 1u) || !pose_multiply_size(&bytes, size)) {
            return false;
        }
    }
    return bytes == tensor->bytes && bytes <= INT32_MAX;
}

/* The operator has the expected number of operands, all of them valid, outputs writable, and a parameter block of
 * the expected size. */
static inline int pose_check_op(const struct pose_op *op, uint32_t inputs, uint32_t outputs, size_t params_bytes)
{
    if (op->desc->input_count != inputs || op->desc->output_count != outputs || op->desc->params_bytes != params_bytes ||
        op->params == NULL || ((uintptr_t)op->params % 4u) != 0u) {
        return POSE_ERR_IMAGE;
    }
    for (uint32_t i = 0; i < inputs; i++) {
        if (!pose_check_operand(&op->in[i])) {
            return POSE_ERR_IMAGE;
        }
    }
    for (uint32_t i = 0; i < outputs; i++) {
        if (!pose_check_operand(&op->out[i]) || op->out[i].tensor->storage != POSE_IN_ARENA) {
            return POSE_ERR_IMAGE;
        }
    }
    return POSE_OK;
}

/* The scratch buffer holds at least `bytes` (64-bit, so that callers need not fear overflow) and is aligned to 8. */
static inline int pose_check_scratch(const struct pose_op *op, uint64_t bytes)
{
    if (bytes == 0u) {
        return POSE_OK;
    }
    if (op->scratch == NULL || ((uintptr_t)op->scratch % 8u) != 0u || op->desc->scratch_bytes < bytes) {
        return POSE_ERR_MEMORY;
    }
    return POSE_OK;
}

static inline bool pose_same_shape(const struct pose_operand *a, const struct pose_operand *b)
{
    if (a->tensor->rank != b->tensor->rank) {
        return false;
    }
    for (uint32_t i = 0; i < POSE_IMAGE_MAX_RANK; i++) {
        if (a->tensor->dims[i] != b->tensor->dims[i]) {
            return false;
        }
    }
    return true;
}

#endif
