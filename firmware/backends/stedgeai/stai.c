/* The classic runtime of ST Edge AI Core through its `stai` API (the generator's default since 3.0; st.com, "Embedded inference client
 * ST Edge AI API"). The build gives the network's C name, in both spellings, and its header. */
#include <stddef.h>

#include "backends/linked.h"
#include "pose/status.h"
#include "pose/vendor.h"
#include "stai.h"
#include "stai_events.h"
#include POSE_NETWORK_HEADER

#define PASTE_(a, b, c) a##b##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define NET(function) PASTE(stai_, POSE_NETWORK_NAME, _##function)
#define CONSTANT(name) PASTE(STAI_, POSE_NETWORK_NAME_UPPER, _##name)
#define MAX_BUFFERS 16u

static _Alignas(CONSTANT(CONTEXT_ALIGNMENT)) stai_network context[CONSTANT(CONTEXT_SIZE)];

static uint8_t dtype_of(stai_format format)
{
    switch (format) {
    case STAI_FORMAT_S8:
        return POSE_INT8;
    case STAI_FORMAT_U8:
        return POSE_UINT8;
    case STAI_FORMAT_S16:
        return POSE_INT16;
    case STAI_FORMAT_S32:
        return POSE_INT32;
    case STAI_FORMAT_FLOAT32:
        return POSE_FLOAT32;
    default:
        return 0;
    }
}

static int describe(struct pose_image_tensor *to, const stai_tensor *from, uint32_t source)
{
    uint32_t dims[POSE_IMAGE_MAX_RANK];
    uint32_t rank = 0;
    if ((from->flags & STAI_FLAG_HAS_BATCH) == 0) {
        dims[rank++] = 1;
    }
    if (from->shape.size > POSE_IMAGE_MAX_RANK - rank) {
        return POSE_ERR_IMAGE;
    }
    for (uint32_t i = 0; i < from->shape.size; i++) {
        dims[rank++] = from->shape.data[i] < 0 ? 0u : (uint32_t)from->shape.data[i];
    }
    const int status = pose_linked_tensor(to, dtype_of(from->format), dims, rank, from->size_bytes, source);
    if (status == POSE_OK && from->scale.size == 1u && from->zeropoint.size == 1u) {
        to->scale = from->scale.data[0];
        to->zero_point = from->zeropoint.data[0];
    }
    return status;
}

/* Gives every buffer that the generator left to us (NULL) room in the arena. *missing: whether there was one. */
static int take_missing(stai_ptr *buffers, const stai_tensor *tensors, uint32_t count, int *missing)
{
    *missing = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (buffers[i] == NULL) {
            *missing = 1;
            buffers[i] = pose_linked_take(tensors[i].size_bytes);
            if (buffers[i] == NULL) {
                return POSE_ERR_MEMORY;
            }
        }
    }
    return POSE_OK;
}

typedef stai_return_code (*getter)(stai_network *, stai_ptr *, stai_size *);
typedef stai_return_code (*setter)(stai_network *, const stai_ptr *, const stai_size);

static int place(const stai_tensor *tensors, uint32_t count, getter get, setter set, stai_ptr *buffers)
{
    stai_size got = count;
    int missing = 0;
    if (count == 0u) {
        return POSE_OK;
    }
    if (count > MAX_BUFFERS || get(context, buffers, &got) != STAI_SUCCESS || got != count) {
        return POSE_ERR_IMAGE;
    }
    const int status = take_missing(buffers, tensors, count, &missing);
    if (status != POSE_OK || !missing) {
        return status;
    }
    return set(context, buffers, count) == STAI_SUCCESS ? POSE_OK : POSE_ERR_IMAGE;
}

/* Weights that are not linked in were flashed at the board's network address, one block. */
static int place_weights(const stai_network_info *info, void *data, uint32_t max_bytes)
{
    stai_ptr weights[MAX_BUFFERS] = {NULL};
    stai_size got = info->n_weights;
    if (got == 0u) {
        return POSE_OK;
    }
    if (got > MAX_BUFFERS || NET(get_weights)(context, weights, &got) != STAI_SUCCESS) {
        return POSE_ERR_IMAGE;
    }
    for (uint32_t i = 0; i < info->n_weights; i++) {
        if (weights[i] != NULL) {
            continue;
        }
        if (info->n_weights != 1u || info->weights[0].size_bytes > max_bytes) {
            return POSE_ERR_NO_NETWORK;
        }
        weights[0] = data;
        return NET(set_weights)(context, weights, 1) == STAI_SUCCESS ? POSE_OK : POSE_ERR_NO_NETWORK;
    }
    return POSE_OK;
}

/* After each node; where the generated code calls back. */
static void on_event(void *cookie, const stai_event_type type, const void *payload)
{
    (void)cookie;
    if (type == STAI_EVENT_NODE_STOP && payload != NULL) {
        pose_linked_node_done("node", ((const stai_event_node_start_stop *)payload)->node_id, NULL);
    }
}

static int open_buffers(struct pose_linked *net, const stai_network_info *info, void *data, uint32_t max_bytes)
{
    stai_ptr buffers[MAX_BUFFERS] = {NULL};
    int status = place(info->activations, info->n_activations, NET(get_activations), NET(set_activations), buffers);
    if (status == POSE_OK) {
        status = place_weights(info, data, max_bytes);
    }
    if (status == POSE_OK) {
        status = place(info->inputs, info->n_inputs, NET(get_inputs), NET(set_inputs), buffers);
        net->input_data = buffers[0];
    }
    if (status == POSE_OK) {
        status = place(info->outputs, info->n_outputs, NET(get_outputs), NET(set_outputs), buffers);
    }
    for (uint32_t i = 0; status == POSE_OK && i < net->output_count; i++) {
        net->output_data[i] = buffers[i];
    }
    return status;
}

int pose_port_open(struct pose_linked *net, void *data, uint32_t max_bytes)
{
    static stai_network_info info;
    pose_linked_paint();
    pose_board_crc_start();
    if (stai_runtime_init() != STAI_SUCCESS || NET(init)(context) != STAI_SUCCESS || NET(get_info)(context, &info) != STAI_SUCCESS) {
        return POSE_ERR_INTERNAL;
    }
    if (info.n_inputs != 1u || info.n_outputs == 0u || info.n_outputs > POSE_LINKED_MAX_OUTPUTS) {
        return POSE_ERR_IMAGE;
    }
    net->name = info.c_model_name;
    net->macc = info.n_macc;
    net->op_count = info.n_nodes;
    net->output_count = info.n_outputs;
    for (uint32_t i = 0; i < info.n_weights; i++) {
        net->weights_bytes += info.weights[i].size_bytes;
    }
    int status = describe(&net->input, &info.inputs[0], 0);
    for (uint32_t i = 0; status == POSE_OK && i < info.n_outputs; i++) {
        status = describe(&net->outputs[i], &info.outputs[i], i);
    }
    if (status == POSE_OK) {
        status = open_buffers(net, &info, data, max_bytes);
    }
    if (status == POSE_OK && NET(set_callback)(context, on_event, NULL) != STAI_SUCCESS) {
        status = POSE_ERR_INTERNAL;
    }
    return status;
}

int pose_port_run(void)
{
    pose_linked_start();
    return NET(run)(context, STAI_MODE_SYNC) == STAI_SUCCESS ? POSE_OK : POSE_ERR_INTERNAL;
}
