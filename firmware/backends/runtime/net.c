/* net.h for our own runtime: one network, static state only. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "pose/net.h"
#include "pose/status.h"
#include "runtime/runtime.h"

static struct {
    struct pose_runtime runtime;
    int failed_op;
    bool opened, has_run;
} net = {.failed_op = -1};

int pose_net_open(const void *image, uint32_t max_bytes, void *arena, uint32_t arena_bytes)
{
    net.opened = false;
    net.has_run = false;
    const int status = pose_runtime_open(&net.runtime, image, max_bytes, arena, arena_bytes, &net.failed_op);
    if (status == POSE_OK) {
        pose_runtime_paint(arena, arena_bytes);
        net.opened = true;
    }
    return status;
}

int pose_net_failed_op(void)
{
    return net.failed_op;
}

int pose_net_info(struct pose_net_info *info)
{
    if (!net.opened) {
        return POSE_ERR_STATE;
    }
    const struct pose_image_header *h = net.runtime.header;
    *info = (struct pose_net_info){
        .name = h->name,
        .model_sha256 = h->model_sha256,
        .image_bytes = h->image_bytes,
        .image_crc32 = h->crc32,
        .arena_bytes = h->arena_bytes,
        .arena_available = net.runtime.arena_available,
        .op_count = h->op_count,
        .tensor_count = h->tensor_count,
        .macc = h->macc,
        .decoding = &h->decoding,
        .input = &net.runtime.tensors[h->input_tensor],
        .output_count = h->output_count,
    };
    return POSE_OK;
}

/* Whom a run reports to. */
struct listener {
    pose_net_hook hook;
    void *user;
};

_Static_assert(sizeof(struct pose_net_tensor) == sizeof(struct pose_operand), "operands of the arena become what is reported");

/* The outputs of an operator whose operands are in the arena: nothing needs them there any more, so that they become what is reported. */
static const struct pose_net_tensor *many_outputs(const struct pose_op *op)
{
    uint8_t *place = (void *)(uintptr_t)op->out;
    for (uint32_t i = 0; i < op->desc->output_count; i++, place += sizeof(struct pose_operand)) {
        struct pose_operand operand;
        memcpy(&operand, place, sizeof operand);
        const struct pose_net_tensor output = {.data = operand.data, .tensor = operand.tensor};
        memcpy(place, &output, sizeof output);
    }
    return (const void *)op->out;
}

static int report(void *user, uint32_t index, const struct pose_op *op, uint64_t ticks)
{
    const struct listener *listener = user;
    struct pose_net_tensor few[POSE_IMAGE_FEW_OPERANDS];
    const bool many = op->desc->output_count > POSE_IMAGE_FEW_OPERANDS;
    uint32_t count = many ? op->desc->output_count : 0u; /* none of many is a window: streams have one output */
    for (uint32_t i = 0; i < op->desc->output_count && !many; i++) {
        if (op->out[i].tensor->rows_held != 0u) {
            continue; /* it never was there as a whole */
        }
        few[count++] = (struct pose_net_tensor){.data = op->out[i].data, .tensor = op->out[i].tensor};
    }
    const struct pose_net_event event = {
        .op_index = index,
        .op_count = net.runtime.header->op_count,
        .op = op->desc,
        .ticks = ticks,
        .outputs = many ? many_outputs(op) : few,
        .output_count = count,
    };
    return listener->hook(listener->user, &event);
}

int pose_net_set_decoding(const struct pose_decoding *decoding)
{
    (void)decoding;
    return POSE_ERR_PARAM;
}

int pose_net_run(const void *input, pose_net_hook hook, void *user, uint64_t *ticks)
{
    struct listener listener = {.hook = hook, .user = user};
    uint64_t sum = 0;
    if (!net.opened) {
        return POSE_ERR_STATE;
    }
    if (input == NULL || (uintptr_t)input % POSE_RUNTIME_ALIGN != 0u) {
        return POSE_ERR_PARAM;
    }
    net.has_run = false;
    const int status = pose_runtime_run(&net.runtime, input, hook != NULL ? report : NULL, &listener, &sum);
    net.has_run = status == POSE_OK;
    if (ticks != NULL) {
        *ticks = sum;
    }
    return status;
}

int pose_net_output(uint32_t index, struct pose_net_tensor *out)
{
    if (!net.opened) {
        return POSE_ERR_STATE;
    }
    if (index >= net.runtime.header->output_count) {
        return POSE_ERR_PARAM;
    }
    out->tensor = &net.runtime.tensors[net.runtime.header->output_tensors[index]];
    out->data = net.has_run ? pose_runtime_tensor_data(&net.runtime, out->tensor) : NULL;
    return POSE_OK;
}

uint32_t pose_net_arena_high_water(void)
{
    return net.opened ? pose_runtime_high_water(net.runtime.arena, net.runtime.arena_available) : 0u;
}
