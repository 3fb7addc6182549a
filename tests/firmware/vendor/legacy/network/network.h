/* Stand-in of a generated network.h (legacy API). */
#ifndef AI_NETWORK_H
#define AI_NETWORK_H

#include "ai_platform.h"

#define AI_NETWORK_IN_NUM (1)
#define AI_NETWORK_OUT_NUM (1)

ai_error ai_network_create_and_init(ai_handle *network, const ai_handle activations[], const ai_handle weights[]);
ai_handle ai_network_destroy(ai_handle network);
ai_bool ai_network_get_report(ai_handle network, ai_network_report *report);
ai_buffer *ai_network_inputs_get(ai_handle network, ai_u16 *n_buffer);
ai_buffer *ai_network_outputs_get(ai_handle network, ai_u16 *n_buffer);
ai_i32 ai_network_run(ai_handle network, const ai_buffer *input, ai_buffer *output);

#endif
