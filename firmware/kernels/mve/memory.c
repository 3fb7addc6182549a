/* memcpy(), memmove() and memset() of the C library for this kernel set: everything that moves tensors (PAD, views that
 * became copies, gathered windows) is made of them, and the library's move single bytes. Bits are bits. */
#include <string.h>

#include "kernels/mve/copy.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    return pose_mve_copy(to, from, bytes);
}

void *memset(void *to, int value, size_t bytes)
{
    return pose_mve_fill(to, (uint8_t)value, bytes);
}

/* Whole vectors from the end backwards, then the first bytes, which were read before anything was written over them. */
static void copy_backwards(uint8_t *to, const uint8_t *from, size_t bytes)
{
    const size_t vectors = bytes / 16u;
    const size_t rest = bytes % 16u;
    uint8_t *target = to + bytes;
    const uint8_t *source = from + bytes;
    __asm volatile("wls lr, %[vectors], 2f\n"
                   "1: vldrb.8 q0, [%[source], #-16]!\n"
                   "vstrb.8 q0, [%[target], #-16]!\n"
                   "le lr, 1b\n"
                   "2: vctp.8 %[rest]\n"
                   "vpstt\n"
                   "vldrbt.u8 q0, [%[from]]\n"
                   "vstrbt.8 q0, [%[to]]\n"
                   : [target] "+r"(target), [source] "+r"(source)
                   : [vectors] "r"(vectors), [rest] "r"(rest), [to] "r"(to), [from] "r"(from)
                   : "q0", "lr", "memory", "cc");
}

void *memmove(void *to, const void *from, size_t bytes)
{
    if ((uintptr_t)to - (uintptr_t)from >= bytes) { /* below the source or past its end: forwards reads before it writes */
        return pose_mve_copy(to, from, bytes);
    }
    copy_backwards(to, from, bytes);
    return to;
}
