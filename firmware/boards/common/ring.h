/* Receive ring between a serial port's interrupt (put) and the main loop (get): one of each, no lock. */
#ifndef POSE_RING_H
#define POSE_RING_H

#include <stddef.h>
#include <stdint.h>

#include "pose/serial_link.h"

#define RING_MASK (POSE_SERIAL_RING_BYTES - 1u)
_Static_assert((POSE_SERIAL_RING_BYTES & RING_MASK) == 0, "a power of two");

struct ring {
    uint8_t data[POSE_SERIAL_RING_BYTES];
    volatile uint32_t in, out; /* written by put; by get */
};

/* A full ring drops the byte: the host ignored the window, and the frame's CRC will fail. */
static inline void ring_put(struct ring *ring, uint8_t byte)
{
    const uint32_t in = ring->in;
    if (in - ring->out < POSE_SERIAL_RING_BYTES) {
        ring->data[in & RING_MASK] = byte;
        ring->in = in + 1u;
    }
}

/* Returns the bytes taken. */
static inline size_t ring_get(struct ring *ring, uint8_t *data, size_t max)
{
    size_t got = 0;
    uint32_t out = ring->out;
    while (got < max && out != ring->in) {
        data[got++] = ring->data[out++ & RING_MASK];
    }
    ring->out = out;
    return got;
}

#endif
