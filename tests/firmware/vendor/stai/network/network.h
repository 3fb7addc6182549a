/* Stand-in of a generated network.h (stai API). */
#ifndef STAI_NETWORK_H
#define STAI_NETWORK_H

#include "stai.h"

#define STAI_NETWORK_MODEL_NAME "network"
#define STAI_NETWORK_CONTEXT_ALIGNMENT (8)
#define STAI_NETWORK_CONTEXT_SIZE (sizeof(struct standin_context))
#define STAI_NETWORK_ACTIVATIONS_NUM (1)

struct standin_context {
    stai_event_cb callback;
    void *cookie;
    stai_ptr activations, weights, inputs, outputs;
};

stai_return_code stai_network_init(stai_network *network);
stai_return_code stai_network_get_info(stai_network *network, stai_network_info *info);
stai_return_code stai_network_get_activations(stai_network *network, stai_ptr *activations, stai_size *n);
stai_return_code stai_network_set_activations(stai_network *network, const stai_ptr *activations, const stai_size n);
stai_return_code stai_network_get_weights(stai_network *network, stai_ptr *weights, stai_size *n);
stai_return_code stai_network_set_weights(stai_network *network, const stai_ptr *weights, const stai_size n);
stai_return_code stai_network_get_inputs(stai_network *network, stai_ptr *inputs, stai_size *n);
stai_return_code stai_network_set_inputs(stai_network *network, const stai_ptr *inputs, const stai_size n);
stai_return_code stai_network_get_outputs(stai_network *network, stai_ptr *outputs, stai_size *n);
stai_return_code stai_network_set_outputs(stai_network *network, const stai_ptr *outputs, const stai_size n);
stai_return_code stai_network_set_callback(stai_network *network, const stai_event_cb cb, void *cb_cookie);
stai_return_code stai_network_run(stai_network *network, const stai_run_mode mode);

#endif
