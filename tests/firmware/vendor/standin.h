/* The stand-in network, which every stand-in runs: uint8 [1, 48, 48, 3] -> table (QUANTIZE) -> largest of 4 x 4 (MAX_POOL_2D) -> first channel
 * (SLICE) -> four times all and once the first (CONCATENATION): int8 heat maps [1, 12, 12, 13]. The table is its weights. */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdint.h>

#define IN_SIDE 48
#define IN_CHANNELS 3
#define IN_BYTES (IN_SIDE * IN_SIDE * IN_CHANNELS)
#define WINDOW 4
#define OUT_SIDE (IN_SIDE / WINDOW)
#define OUT_CHANNELS 13
#define OUT_BYTES (OUT_SIDE * OUT_SIDE * OUT_CHANNELS)
#define POOLED_BYTES (OUT_SIDE * OUT_SIDE * IN_CHANNELS)
#define TABLE_BYTES 256
#define NODES 4

/* What a test makes this network do wrong; 0: nothing. */
enum standin_fault { FAULT_TYPE = 1, FAULT_SHAPE = 2, FAULT_SILENT = 3, FAULT_RUN = 4, FAULT_WEIGHTS_ELSEWHERE = 5, FAULT_HANG = 6 };
extern int standin_fault;

static inline void standin_quantize(const uint8_t *in, int8_t *out, const int8_t *table)
{
    for (int i = 0; i < IN_BYTES; i++) {
        out[i] = table[in[i]];
    }
}

static inline void standin_pool(const int8_t *in, int8_t *out)
{
    for (int y = 0; y < OUT_SIDE; y++) {
        for (int x = 0; x < OUT_SIDE; x++) {
            for (int c = 0; c < IN_CHANNELS; c++) {
                int8_t largest = INT8_MIN;
                for (int i = 0; i < WINDOW * WINDOW; i++) {
                    const int8_t v = in[((y * WINDOW + i / WINDOW) * IN_SIDE + x * WINDOW + i % WINDOW) * IN_CHANNELS + c];
                    largest = v > largest ? v : largest;
                }
                out[(y * OUT_SIDE + x) * IN_CHANNELS + c] = largest;
            }
        }
    }
}

static inline void standin_slice(const int8_t *in, int8_t *out)
{
    for (int i = 0; i < OUT_SIDE * OUT_SIDE; i++) {
        out[i] = in[i * IN_CHANNELS];
    }
}

static inline void standin_concatenate(const int8_t *all, const int8_t *first, int8_t *out)
{
    for (int i = 0; i < OUT_SIDE * OUT_SIDE; i++) {
        for (int c = 0; c < OUT_CHANNELS; c++) {
            out[i * OUT_CHANNELS + c] = c < 4 * IN_CHANNELS ? all[i * IN_CHANNELS + c % IN_CHANNELS] : first[i];
        }
    }
}

#endif
