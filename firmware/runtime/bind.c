/* Binds operators to their operands and kernels. */
#include <stddef.h>

#include "runtime/runtime.h"

_Static_assert(sizeof(struct pose_operand) <= POSE_IMAGE_OPERAND_BYTES, "operands in the arena");

const struct pose_kernel *pose_runtime_kernel(uint16_t opcode)
{
    for (const struct pose_kernel *k = __start_pose_kernels; k < __stop_pose_kernels; k++) {
        if (k->opcode == opcode) {
            return k;
        }
    }
    return NULL;
}

void *pose_runtime_tensor_data(const struct pose_runtime *rt, const struct pose_image_tensor *tensor)
{
    switch (tensor->storage) {
    case POSE_IN_ARENA:
        return rt->arena + tensor->offset;
    case POSE_IN_IMAGE:
        return (void *)(uintptr_t)(rt->image + tensor->offset); /* operands have one type; constants are never written */
    default:
        return (void *)(uintptr_t)rt->input;
    }
}

static uint32_t operand_count(const struct pose_image_op *op)
{
    return (uint32_t)op->input_count + op->output_count;
}

/* Scratch as far as the operands behind it: both begin at a multiple of the alignment. */
static uint64_t aligned_scratch(const struct pose_image_op *op)
{
    return ((uint64_t)op->scratch_bytes + POSE_RUNTIME_ALIGN - 1u) / POSE_RUNTIME_ALIGN * POSE_RUNTIME_ALIGN;
}

uint64_t pose_runtime_workspace_bytes(const struct pose_image_op *op)
{
    const uint32_t count = operand_count(op);
    return count > POSE_IMAGE_FEW_OPERANDS ? aligned_scratch(op) + (uint64_t)count * POSE_IMAGE_OPERAND_BYTES : op->scratch_bytes;
}

void pose_runtime_bind(const struct pose_runtime *rt, uint32_t index, struct pose_bound_op *bound)
{
    const struct pose_image_op *desc = &rt->ops[index];
    const uint32_t count = operand_count(desc);
    struct pose_operand *operands = bound->operands;
    if (count > POSE_IMAGE_FEW_OPERANDS) {
        operands = (void *)(rt->arena + desc->scratch_off + aligned_scratch(desc)); /* inside it and aligned: image.c */
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint16_t tensor = rt->operands[desc->operands + i];
        struct pose_operand *operand = &operands[i];
        operand->tensor = tensor == POSE_IMAGE_NO_TENSOR ? NULL : &rt->tensors[tensor];
        operand->data = operand->tensor == NULL ? NULL : pose_runtime_tensor_data(rt, operand->tensor);
    }
    bound->op = (struct pose_op){
        .desc = desc,
        .params = rt->image + desc->params_off,
        .in = operands,
        .out = operands + desc->input_count,
        .scratch = rt->arena + desc->scratch_off,
        .image = rt->image,
        .image_bytes = rt->header->image_bytes,
    };
}
