/* pose_look_up(), four bytes to a load and a store. */
#include <string.h>

#include "kernels/table.h"

void pose_look_up(uint8_t *out, const uint8_t *in, uint32_t count, const uint8_t *table)
{
    const uint8_t *const words_end = in + (count & ~3u);
    const uint8_t *const end = in + count;
    while (in != words_end) {
        uint32_t stored;
        memcpy(&stored, in, sizeof stored);
        const uint32_t low = table[stored & 0xFFu] | (uint32_t)table[(stored >> 8) & 0xFFu] << 8;
        const uint32_t high = table[(stored >> 16) & 0xFFu] | (uint32_t)table[stored >> 24] << 8;
        const uint32_t results = low | high << 16;
        memcpy(out, &results, sizeof results);
        in += sizeof stored;
        out += sizeof results;
    }
    while (in != end) {
        *out++ = table[*in++];
    }
}
