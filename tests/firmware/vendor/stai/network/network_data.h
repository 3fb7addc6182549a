/* Stand-in of a generated network_data.h. */
#ifndef NETWORK_DATA_H
#define NETWORK_DATA_H

#include <stdint.h>

extern const uint64_t g_network_weights_array[32];

#endif
