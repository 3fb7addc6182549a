/* pose_copy_spread(), portable C. */
#include "kernels/walk.h"

void pose_copy_spread(uint8_t *out, const uint8_t *in, uint32_t count, int32_t step)
{
    for (const uint8_t *const end = out + count; out != end; out++) {
        *out = *in;
        in += step;
    }
}
