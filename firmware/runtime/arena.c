/* How much of the arena is used. */
#include <string.h>

#include "runtime/runtime.h"

#define PAINT 0xA5u

void pose_runtime_paint(void *arena, uint32_t bytes)
{
    memset(arena, (int)PAINT, bytes);
}

uint32_t pose_runtime_high_water(const void *arena, uint32_t bytes)
{
    const uint8_t *data = arena;
    while (bytes > 0u && data[bytes - 1u] == PAINT) {
        bytes--;
    }
    return bytes;
}
