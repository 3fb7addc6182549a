/* Binds operators to their operands and kernels. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "pose/status.h"
#include "runtime/runtime.h"
#include "runtime/stream.h"

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

/* Whether an operator that runs by itself has a kernel, and this one can run it. */
static int check_operator(const struct pose_runtime *rt, uint32_t index, int *failed_op)
{
    struct pose_bound_op bound;
    const struct pose_kernel *kernel = pose_runtime_kernel(rt->ops[index].opcode);
    pose_runtime_bind(rt, index, &bound);
    const bool fits = kernel != NULL && (rt->ops[index].flags & ~kernel->flags) == 0;
    const int status = fits ? kernel->check(&bound.op) : POSE_ERR_OPERATOR;
    *failed_op = status == POSE_OK ? -1 : rt->ops[index].source;
    return status;
}

int pose_runtime_open(struct pose_runtime *rt, const void *image, uint32_t max_bytes, void *arena, uint32_t arena_bytes,
                      int *failed_op)
{
    int status = pose_runtime_check_image(rt, image, max_bytes, failed_op);
    if (status != POSE_OK) {
        return status;
    }
    if (arena == NULL || (uintptr_t)arena % POSE_RUNTIME_ALIGN != 0u) {
        return POSE_ERR_PARAM;
    }
    if (rt->header->arena_bytes > arena_bytes) {
        return POSE_ERR_MEMORY;
    }
    rt->arena = arena;
    rt->arena_available = arena_bytes;
    rt->input = image; /* no slot yet: an aligned address that is no output's, for check() to look at but not through */
    uint32_t count = 0;
    for (uint32_t i = 0; i < rt->header->op_count && status == POSE_OK; i += count) {
        count = pose_stream_length(rt, i);
        status = count > 1u ? pose_stream_check(rt, i, count, failed_op) : check_operator(rt, i, failed_op);
    }
    rt->input = NULL;
    return status;
}

#define PAINT 0xA5u

void pose_runtime_paint(void *arena, uint32_t bytes)
{
    memset(arena, (int)PAINT, bytes);
}

uint32_t pose_runtime_high_water(const void *arena, uint32_t bytes)
{
    const uint8_t *data = arena;
    while (bytes > 0u && data[bytes - 1u] == PAINT) {
        bytes--;
    }
    return bytes;
}
