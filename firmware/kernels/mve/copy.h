/* Copies and fills with tail-predicated vector stores: 16 bytes an iteration of three instructions. */
#ifndef POSE_KERNELS_MVE_COPY_H
#define POSE_KERNELS_MVE_COPY_H

#include <stddef.h>
#include <stdint.h>

static inline void *pose_mve_copy(void *to, const void *from, size_t bytes)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    __asm volatile("wlstp.8 lr, %[bytes], 2f\n"
                   "1: vldrb.8 q0, [%[source]], #16\n"
                   "vstrb.8 q0, [%[target]], #16\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [target] "+r"(target), [source] "+r"(source)
                   : [bytes] "r"(bytes)
                   : "q0", "lr", "memory", "cc");
    return to;
}

static inline void *pose_mve_fill(void *to, uint8_t value, size_t bytes)
{
    uint8_t *target = to;
    __asm volatile("vdup.8 q0, %[value]\n"
                   "wlstp.8 lr, %[bytes], 2f\n"
                   "1: vstrb.8 q0, [%[target]], #16\n"
                   "letp lr, 1b\n"
                   "2:\n"
                   : [target] "+r"(target)
                   : [bytes] "r"(bytes), [value] "r"((uint32_t)value)
                   : "q0", "lr", "memory", "cc");
    return to;
}

#endif
