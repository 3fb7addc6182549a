/* The NPU reads and writes memory past the CPU's data cache. Before a run its input is cleaned (written back) and its outputs are invalidated,
 * so that no dirty line is evicted over what the NPU wrote; after it the outputs are invalidated again, because the CPU may have fetched
 * lines ahead. Both work on whole cache lines: buffers of the NPU share none with anything else (the generator aligns them to 32 bytes).
 * Where there is no data cache, or it is off, they do nothing. */
#ifndef POSE_ATON_CACHE_H
#define POSE_ATON_CACHE_H

#include <stdint.h>

void pose_cache_clean(const void *start, uint32_t bytes);
void pose_cache_invalidate(const void *start, uint32_t bytes);

#endif
