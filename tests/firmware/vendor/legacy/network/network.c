/* Stand-in of a generated network.c (legacy API): two activation buffers, input and output left to the application. */
#include "network.h"

#include <stdlib.h>

#include "../../standin.h"
#include "ai_platform_interface.h"
#include "network_data.h"

int standin_fault;

_Static_assert(IN_BYTES == 6912 && POOLED_BYTES + OUT_SIDE * OUT_SIDE == 576, "network_data.h");

static struct {
    ai_handle activations[2];
    ai_observer_exec_ctx *observer;
} self;

static const ai_float scale[] = {1.0f / 255.0f};
static ai_u8 zero_u8[] = {0};
static ai_i8 zero_s8[] = {-128};
static ai_intq_info_list intq_u8 = {AI_BUFFER_META_FLAG_ZEROPOINT_U8, 1, &(const ai_intq_info){scale, zero_u8}};
static ai_intq_info_list intq_s8 = {0, 1, &(const ai_intq_info){scale, zero_s8}};
static ai_buffer_meta_info meta_in = {AI_BUFFER_META_HAS_INTQ_INFO, &intq_u8};
static ai_buffer_meta_info meta_out = {AI_BUFFER_META_HAS_INTQ_INFO, &intq_s8};
static ai_buffer input, output;

static const ai_buffer fresh_input = {
    AI_BUFFER_FORMAT_U8, NULL, &meta_in, 0, IN_BYTES, {0, 4, (ai_shape_dimension[]){1, IN_CHANNELS, IN_SIDE, IN_SIDE}}};
static const ai_buffer fresh_output = {
    AI_BUFFER_FORMAT_S8, NULL, &meta_out, 0, OUT_BYTES, {0, 4, (ai_shape_dimension[]){1, OUT_CHANNELS, OUT_SIDE, OUT_SIDE}}};

ai_error ai_network_create_and_init(ai_handle *network, const ai_handle activations[], const ai_handle weights[])
{
    (void)weights;
    if (activations == NULL || activations[0] == NULL || activations[1] == NULL) {
        return (ai_error){.type = AI_ERROR_INIT_FAILED};
    }
    self.activations[0] = activations[0];
    self.activations[1] = activations[1];
    input = fresh_input;
    output = fresh_output;
    if (standin_fault == FAULT_TYPE) {
        output.format = AI_BUFFER_FORMAT_NONE;
    } else if (standin_fault == FAULT_SHAPE) {
        output.shape.size = 3;
    }
    *network = &self;
    return (ai_error){.type = AI_ERROR_NONE};
}

ai_handle ai_network_destroy(ai_handle network)
{
    (void)network;
    if (self.observer != NULL) {
        __builtin_trap(); /* it would be called by the next network */
    }
    return AI_HANDLE_NULL;
}

ai_bool ai_network_get_report(ai_handle network, ai_network_report *report)
{
    *report = (ai_network_report){
        .model_name = "network", .n_macc = 20736, .n_inputs = 1, .n_outputs = 1, .inputs = &input, .outputs = &output, .n_nodes = NODES};
    return network == &self;
}

ai_buffer *ai_network_inputs_get(ai_handle network, ai_u16 *n_buffer)
{
    (void)n_buffer;
    return network == &self ? &input : NULL;
}

ai_buffer *ai_network_outputs_get(ai_handle network, ai_u16 *n_buffer)
{
    (void)n_buffer;
    return network == &self ? &output : NULL;
}

ai_bool ai_platform_observer_register(ai_handle network, ai_observer_node_cb cb, ai_handle cookie, ai_u32 flags)
{
    ai_observer_exec_ctx *ctx = malloc(sizeof *ctx);
    *ctx = (ai_observer_exec_ctx){.on_node = cb, .cookie = cookie, .flags = flags};
    return ai_platform_observer_register_s(network, ctx);
}

ai_bool ai_platform_observer_register_s(ai_handle network, ai_observer_exec_ctx *ctx)
{
    self.observer = ctx;
    return network == &self;
}

ai_bool ai_platform_observer_unregister_s(ai_handle network, ai_observer_exec_ctx *ctx)
{
    self.observer = NULL;
    return network == &self && ctx != NULL;
}

static void tell(ai_u16 index)
{
    const ai_observer_node node = {.c_idx = index, .id = (ai_u16)(index + 1u)};
    const ai_observer_exec_ctx *to = self.observer;
    if (to != NULL && standin_fault != FAULT_SILENT && (to->flags & AI_OBSERVER_POST_EVT) != 0u) {
        (void)to->on_node(to->cookie, AI_OBSERVER_POST_EVT, &node);
    }
}

ai_i32 ai_network_run(ai_handle network, const ai_buffer *in, ai_buffer *out)
{
    if (network != &self || in->data == NULL || out->data == NULL || standin_fault == FAULT_RUN) {
        return 0;
    }
    int8_t *quantized = self.activations[0];
    int8_t *pooled = self.activations[1];
    standin_quantize(in->data, quantized, (const int8_t *)(const void *)g_network_weights_array);
    tell(0);
    standin_pool(quantized, pooled);
    tell(1);
    standin_slice(pooled, pooled + POOLED_BYTES);
    tell(2);
    standin_concatenate(pooled, pooled + POOLED_BYTES, out->data);
    tell(3);
    return 1;
}
