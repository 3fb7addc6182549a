/* pose_copy_spread() with Helium: a gathering load of eight bytes, four instructions an iteration. */
#include <arm_mve.h>

#include "kernels/walk.h"

#define MAX_STEP (UINT16_MAX / 7) /* offsets of the load have 16 bits and no sign */

void pose_copy_spread(uint8_t *out, const uint8_t *in, uint32_t count, int32_t step)
{
    if (step < 0 || step > MAX_STEP) {
        for (const uint8_t *const end = out + count; out != end; out++) {
            *out = *in;
            in += step;
        }
        return;
    }
    const uint16x8_t offsets = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)step);
    __asm volatile("wlstp.16 lr, %[count], 2f\n"
                   "1: vldrb.u16 q0, [%[in], %q[offsets]]\n"
                   "add %[in], %[ahead]\n"
                   "vstrb.16 q0, [%[out]], #8\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [in] "+r"(in), [out] "+l"(out)
                   : [count] "r"(count), [ahead] "r"(8 * step), [offsets] "w"(offsets)
                   : "q0", "lr", "cc", "memory");
}
