/* Stand-in of a generated network_data.h. */
#ifndef NETWORK_DATA_H
#define NETWORK_DATA_H

#include <stddef.h>
#include <stdint.h>

extern const uint64_t g_network_weights_array[32];
#ifdef STANDIN_FLASHED_WEIGHTS
#define NETWORK_WEIGHTS NULL
#else
#define NETWORK_WEIGHTS ((stai_ptr)(uintptr_t)g_network_weights_array)
#endif

#endif
