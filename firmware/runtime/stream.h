/* Operators that run together, some rows at a time, so that what one hands to the next never exists in full.
 * Normative: firmware/NETWORK_IMAGE.md, "Streams". */
#ifndef POSE_RUNTIME_STREAM_H
#define POSE_RUNTIME_STREAM_H

#include <stdbool.h>

#include "runtime/runtime.h"

#define POSE_STREAM_MAX_OPS 16u
#define POSE_STREAM_MAX_INPUTS 8u
#define POSE_STREAM_MAX_ROWS 16384u /* of a tensor: bounds the number of pieces */

/* How many operators run together from `first` on; 1: it runs by itself. */
uint32_t pose_stream_length(const struct pose_runtime *rt, uint32_t first);
/* Of operators whose kernels make rows (POSE_KERNEL_ROWS): whether an output row needs the rows of a window, which struct pose_conv_params
 * describes. Else it needs the same row of each input. */
bool pose_stream_has_window(uint16_t opcode);
/* Goes through every piece of the stream without running any: its kernel's check() sees each exactly as run() will.
 * *failed_op as pose_runtime_open(). Returns a pose_status. */
int pose_stream_check(const struct pose_runtime *rt, uint32_t first, uint32_t count, int *failed_op);
/* Runs a stream that was checked. ticks[i]: what `clock` says that operator first + i took. Returns a pose_status. */
int pose_stream_run(const struct pose_runtime *rt, uint32_t first, uint32_t count, uint64_t (*clock)(void), uint64_t *ticks);

#endif
