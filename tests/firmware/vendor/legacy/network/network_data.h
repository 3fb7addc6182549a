/* Stand-in of a generated network_data.h (legacy API). */
#ifndef NETWORK_DATA_H
#define NETWORK_DATA_H

#include <stdint.h>

#define AI_NETWORK_DATA_ACTIVATIONS_COUNT (2)
#define AI_NETWORK_DATA_ACTIVATIONS_SIZES {6912, 576}
#define AI_NETWORK_DATA_WEIGHTS_COUNT (1)
#define AI_NETWORK_DATA_WEIGHTS_SIZES {256}

extern const uint64_t g_network_weights_array[32];

#endif
