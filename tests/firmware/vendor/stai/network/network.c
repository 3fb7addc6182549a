/* Stand-in of a generated network.c (stai API): input inside the activations, output left to the application
 * (--no-outputs-allocation), weights linked in. */
#include "network.h"

#include <stddef.h>

#include "../../standin.h"
#include "network_data.h"
#include "stai_events.h"

#define CONTEXT ((struct standin_context *)(void *)network)
#define ACTIVATION_BYTES (2 * IN_BYTES + POOLED_BYTES + OUT_SIDE * OUT_SIDE)

int standin_fault;

static const stai_tensor inputs[] = {{
    .size_bytes = IN_BYTES,
    .flags = STAI_FLAG_PREALLOCATED | STAI_FLAG_CHANNEL_LAST | STAI_FLAG_HAS_BATCH,
    .format = STAI_FORMAT_U8,
    .shape = {4, (const int32_t[]){1, IN_SIDE, IN_SIDE, IN_CHANNELS}},
    .scale = {1, (const float[]){1.0f / 255.0f}},
    .zeropoint = {1, (const int16_t[]){0}},
}};
static const stai_tensor outputs[] = {{
    .size_bytes = OUT_BYTES,
    .flags = STAI_FLAG_CHANNEL_LAST | STAI_FLAG_HAS_BATCH,
    .format = STAI_FORMAT_S8,
    .shape = {4, (const int32_t[]){1, OUT_SIDE, OUT_SIDE, OUT_CHANNELS}},
    .scale = {1, (const float[]){1.0f / 255.0f}},
    .zeropoint = {1, (const int16_t[]){-128}},
}};
static const stai_tensor activations[] = {{.size_bytes = ACTIVATION_BYTES, .format = STAI_FORMAT_U8}};
static const stai_tensor weights[] = {{.size_bytes = TABLE_BYTES, .format = STAI_FORMAT_U8}};

stai_return_code stai_network_init(stai_network *network)
{
    *CONTEXT = (struct standin_context){.weights = standin_fault == FAULT_WEIGHTS_ELSEWHERE ? NULL
                                                                                            : (stai_ptr)(uintptr_t)g_network_weights_array};
    return STAI_SUCCESS;
}

stai_return_code stai_network_get_info(stai_network *network, stai_network_info *info)
{
    static stai_tensor described;
    (void)network;
    described = outputs[0];
    if (standin_fault == FAULT_TYPE) {
        described.format = STAI_FORMAT_NONE;
    } else if (standin_fault == FAULT_SHAPE) {
        described.size_bytes = OUT_BYTES - 1;
    }
    *info = (stai_network_info){.c_model_name = STAI_NETWORK_MODEL_NAME,
                                .n_macc = 20736,
                                .n_nodes = NODES,
                                .n_inputs = 1,
                                .n_outputs = 1,
                                .n_activations = 1,
                                .n_weights = 1,
                                .inputs = inputs,
                                .outputs = &described,
                                .activations = activations,
                                .weights = weights};
    return STAI_SUCCESS;
}

#define GETTER(what)                                                                                 \
    stai_return_code stai_network_get_##what(stai_network *network, stai_ptr *what##_, stai_size *n) \
    {                                                                                                \
        *n = 1;                                                                                      \
        what##_[0] = CONTEXT->what;                                                                  \
        return STAI_SUCCESS;                                                                         \
    }
#define SETTER(what)                                                                                            \
    stai_return_code stai_network_set_##what(stai_network *network, const stai_ptr *what##_, const stai_size n) \
    {                                                                                                           \
        if (n != 1 || what##_[0] == NULL || ((uintptr_t)what##_[0] & 3u) != 0) {                                \
            return STAI_ERROR_INVALID_BUFFER_ALIGNMENT;                                                         \
        }                                                                                                       \
        CONTEXT->what = what##_[0];                                                                             \
        return STAI_SUCCESS;                                                                                    \
    }

GETTER(activations)
GETTER(weights)
GETTER(inputs)
GETTER(outputs)
SETTER(weights)
SETTER(inputs)
SETTER(outputs)

stai_return_code stai_network_set_activations(stai_network *network, const stai_ptr *buffers, const stai_size n)
{
    if (n != 1) {
        return STAI_ERROR_NETWORK_INVALID_ACTIVATIONS_NUM;
    }
    CONTEXT->activations = buffers[0];
    CONTEXT->inputs = buffers[0];
    return STAI_SUCCESS;
}

stai_return_code stai_network_set_callback(stai_network *network, const stai_event_cb cb, void *cb_cookie)
{
    CONTEXT->callback = cb;
    CONTEXT->cookie = cb_cookie;
    return STAI_SUCCESS;
}

static void tell(const struct standin_context *c, stai_event_type type, int32_t node)
{
    const stai_event_node_start_stop event = {.node_id = node};
    if (c->callback != NULL && standin_fault != FAULT_SILENT) {
        c->callback(c->cookie, type, &event);
    }
}

stai_return_code stai_network_run(stai_network *network, const stai_run_mode mode)
{
    const struct standin_context *c = CONTEXT;
    if (mode != STAI_MODE_SYNC || c->activations == NULL || c->weights == NULL || c->outputs == NULL || standin_fault == FAULT_RUN) {
        return STAI_ERROR_NETWORK_INVALID_RUN;
    }
    int8_t *quantized = (int8_t *)c->activations + IN_BYTES;
    int8_t *pooled = quantized + IN_BYTES;
    int8_t *first = pooled + POOLED_BYTES;
    tell(c, STAI_EVENT_NODE_START, 1);
    standin_quantize(c->inputs, quantized, (const int8_t *)c->weights);
    tell(c, STAI_EVENT_NODE_STOP, 1);
    tell(c, STAI_EVENT_NODE_START, 3);
    standin_pool(quantized, pooled);
    tell(c, STAI_EVENT_NODE_STOP, 3);
    tell(c, STAI_EVENT_NODE_START, 4);
    standin_slice(pooled, first);
    tell(c, STAI_EVENT_NODE_STOP, 4);
    tell(c, STAI_EVENT_NODE_START, 5);
    standin_concatenate(pooled, first, (int8_t *)c->outputs);
    tell(c, STAI_EVENT_NODE_STOP, 5);
    return STAI_SUCCESS;
}
