/* Binds operators to their operands and kernels. */
#include <stddef.h>

#include "runtime/runtime.h"

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

void pose_runtime_bind(const struct pose_runtime *rt, uint32_t index, struct pose_bound_op *bound)
{
    const struct pose_image_op *desc = &rt->ops[index];
    const uint32_t count = (uint32_t)desc->input_count + desc->output_count;
    for (uint32_t i = 0; i < count; i++) {
        const uint16_t tensor = rt->operands[desc->operands + i];
        struct pose_operand *operand = &bound->operands[i];
        operand->tensor = tensor == POSE_IMAGE_NO_TENSOR ? NULL : &rt->tensors[tensor];
        operand->data = operand->tensor == NULL ? NULL : pose_runtime_tensor_data(rt, operand->tensor);
    }
    bound->op = (struct pose_op){
        .desc = desc,
        .params = rt->image + desc->params_off,
        .in = bound->operands,
        .out = bound->operands + desc->input_count,
        .scratch = rt->arena + desc->scratch_off,
        .image = rt->image,
        .image_bytes = rt->header->image_bytes,
    };
}
