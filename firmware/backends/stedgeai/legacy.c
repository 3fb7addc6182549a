/* The classic runtime through its legacy API (X-CUBE-AI; `stedgeai generate --c-api legacy`): ai_<name>_create_and_init and its kin.
 * The build gives the network's C name, in both spellings, and its headers. */
#include <stddef.h>

#include "ai_platform_interface.h"
#include "backends/linked.h"
#include "pose/status.h"
#include "pose/vendor.h"
#include POSE_NETWORK_HEADER
#include POSE_NETWORK_DATA_HEADER

#define PASTE_(a, b, c) a##b##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define NET(function) PASTE(ai_, POSE_NETWORK_NAME, _##function)
#define CONSTANT(name) PASTE(AI_, POSE_NETWORK_NAME_UPPER, _##name)

static ai_handle network = AI_HANDLE_NULL;
static ai_buffer *inputs, *outputs;
static ai_observer_exec_ctx observer; /* the function that is not given one takes it from the heap, which there is none of */

static uint8_t dtype_of(ai_buffer_format format)
{
    switch (AI_BUFFER_FMT_GET(format)) {
    case AI_BUFFER_FORMAT_S8:
        return POSE_INT8;
    case AI_BUFFER_FORMAT_U8:
        return POSE_UINT8;
    case AI_BUFFER_FORMAT_S16:
        return POSE_INT16;
    case AI_BUFFER_FORMAT_S32:
        return POSE_INT32;
    case AI_BUFFER_FORMAT_FLOAT:
        return POSE_FLOAT32;
    default:
        return 0;
    }
}

/* Their shape is batch, channels, width, height; a tensor of three dimensions has its middle one as height and a width of 1. */
static int describe(struct pose_image_tensor *to, const ai_buffer *from, uint32_t source)
{
    if (AI_BUFFER_SHAPE_SIZE(from) != 4u) {
        return POSE_ERR_IMAGE;
    }
    const uint32_t channels = AI_BUFFER_SHAPE_ELEM(from, AI_SHAPE_CHANNEL);
    const uint32_t width = AI_BUFFER_SHAPE_ELEM(from, AI_SHAPE_WIDTH);
    const uint32_t height = AI_BUFFER_SHAPE_ELEM(from, AI_SHAPE_HEIGHT);
    const uint32_t all[4] = {AI_BUFFER_SHAPE_ELEM(from, AI_SHAPE_BATCH), height, width, channels};
    const uint32_t flat[3] = {all[0], height, channels};
    const uint8_t dtype = dtype_of(from->format);
    const uint32_t bytes = (uint32_t)from->size * pose_dtype_bytes(dtype);
    const int is_flat = width == 1u && height > 1u;
    const int status = pose_linked_tensor(to, dtype, is_flat ? flat : all, is_flat ? 3u : 4u, bytes, source);
    const ai_buffer_meta_info *meta = AI_BUFFER_META_INFO(from);
    if (status == POSE_OK && meta != NULL && AI_BUFFER_META_INFO_INTQ_GET_SIZE(meta) == 1) {
        to->scale = AI_BUFFER_META_INFO_INTQ_GET_SCALE(meta, 0);
        to->zero_point = AI_BUFFER_META_INFO_INTQ_GET_ZEROPOINT(meta, 0);
    }
    return status;
}

static ai_u32 on_node(const ai_handle cookie, const ai_u32 flags, const ai_observer_node *node)
{
    (void)cookie;
    if ((flags & AI_OBSERVER_POST_EVT) != 0u) {
        pose_linked_node_done("node", node->id, NULL);
    }
    return 0;
}

static int open_tensor(struct pose_image_tensor *tensor, ai_buffer *buffer, uint32_t source)
{
    const int status = describe(tensor, buffer, source);
    if (status == POSE_OK && buffer->data == NULL) { /* generated with --no-inputs-allocation or --no-outputs-allocation */
        buffer->data = AI_HANDLE_PTR(pose_linked_take(tensor->bytes));
        return buffer->data == NULL ? POSE_ERR_MEMORY : POSE_OK;
    }
    return status;
}

int pose_port_open(struct pose_linked *net, void *data, uint32_t max_bytes)
{
    static const ai_size sizes[] = CONSTANT(DATA_ACTIVATIONS_SIZES);
    static const ai_size weights[] = CONSTANT(DATA_WEIGHTS_SIZES);
    static ai_handle activations[CONSTANT(DATA_ACTIVATIONS_COUNT)];
    static ai_network_report report;
    (void)data; /* legacy weights are linked in */
    (void)max_bytes;
    pose_linked_paint();
    pose_board_crc_start();
    if (network != AI_HANDLE_NULL) {
        (void)ai_platform_observer_unregister_s(network, &observer);
        network = NET(destroy)(network);
    }
    for (uint32_t i = 0; i < (uint32_t)CONSTANT(DATA_ACTIVATIONS_COUNT); i++) {
        activations[i] = AI_HANDLE_PTR(pose_linked_take((uint32_t)sizes[i]));
        if (activations[i] == NULL) {
            return POSE_ERR_MEMORY;
        }
    }
    if (NET(create_and_init)(&network, activations, NULL).type != AI_ERROR_NONE || !NET(get_report)(network, &report)) {
        return POSE_ERR_INTERNAL;
    }
    inputs = NET(inputs_get)(network, NULL);
    outputs = NET(outputs_get)(network, NULL);
    if (inputs == NULL || outputs == NULL || report.n_inputs != 1u || report.n_outputs == 0u ||
        report.n_outputs > POSE_LINKED_MAX_OUTPUTS) {
        return POSE_ERR_IMAGE;
    }
    net->name = report.model_name;
    net->macc = (uint64_t)report.n_macc;
    net->op_count = report.n_nodes;
    net->output_count = report.n_outputs;
    for (uint32_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        net->weights_bytes += (uint32_t)weights[i];
    }
    int status = open_tensor(&net->input, &inputs[0], 0);
    net->input_data = inputs[0].data;
    for (uint32_t i = 0; status == POSE_OK && i < net->output_count; i++) {
        status = open_tensor(&net->outputs[i], &outputs[i], i);
        net->output_data[i] = outputs[i].data;
    }
    observer = (ai_observer_exec_ctx){.on_node = on_node, .cookie = AI_HANDLE_NULL, .flags = AI_OBSERVER_POST_EVT};
    if (status == POSE_OK && !ai_platform_observer_register_s(network, &observer)) {
        status = POSE_ERR_INTERNAL;
    }
    return status;
}

int pose_port_run(void)
{
    pose_linked_start();
    return NET(run)(network, inputs, outputs) == 1 ? POSE_OK : POSE_ERR_INTERNAL;
}
