/* pose_look_up(), portable C. */
#include "kernels/table.h"

void pose_look_up(uint8_t *out, const uint8_t *in, uint32_t count, const uint8_t *table)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = table[in[i]];
    }
}
