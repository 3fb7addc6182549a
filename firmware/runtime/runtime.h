/* The executor of network images: checks an image once, completely, then runs its operators one by one.
 * Normative: firmware/NETWORK_IMAGE.md. */
#ifndef POSE_RUNTIME_H
#define POSE_RUNTIME_H

#include <stdint.h>

#include "pose/image.h"
#include "pose/kernels.h"

#define POSE_RUNTIME_ALIGN 16u /* of the image, the arena and everything in them */

/* A checked image, bound to its arena. Points into the image; holds no copy. */
struct pose_runtime {
    const uint8_t *image;
    const struct pose_image_header *header;
    const struct pose_image_tensor *tensors;
    const struct pose_image_op *ops;
    const uint16_t *operands;
    uint8_t *arena;
    uint32_t arena_available;
    const void *input; /* the input slot of the current run */
};

/* One operator with its operands resolved; points into itself or into the arena, so it is not to be copied. */
struct pose_bound_op {
    struct pose_op op;
    struct pose_operand operands[POSE_IMAGE_FEW_OPERANDS]; /* unused when there are more: those are in the arena */
};

/* Checks header, CRC-32 and every table of the image and sets all fields of *rt but the arena's. Reads at most max_bytes. On a
 * refused operator *failed_op is its .tflite index, otherwise -1. Returns a pose_status. */
int pose_runtime_check_image(struct pose_runtime *rt, const void *image, uint32_t max_bytes, int *failed_op);
/* pose_runtime_check_image(), then binds the arena and asks every operator's kernel whether it can run it. */
int pose_runtime_open(struct pose_runtime *rt, const void *image, uint32_t max_bytes, void *arena, uint32_t arena_bytes, int *failed_op);
/* After operator `index`, which took so many of the board's ticks; op's outputs are valid during the call. Non-zero stops the run. */
typedef int (*pose_runtime_done)(void *user, uint32_t index, const struct pose_op *op, uint64_t ticks);
/* Runs every operator of an opened network once. `input`: 16-byte aligned, as long as the input tensor. `done` may be NULL. *ticks: sum over the
 * operators, without done(). Returns a pose_status, or what done() returned. */
int pose_runtime_run(struct pose_runtime *rt, const void *input, pose_runtime_done done, void *user, uint64_t *ticks);

/* What the files of the runtime give each other. The kernel of a builtin operator code, NULL when this firmware has none. */
const struct pose_kernel *pose_runtime_kernel(uint16_t opcode);
/* Where a tensor's bytes are now. */
void *pose_runtime_tensor_data(const struct pose_runtime *rt, const struct pose_image_tensor *tensor);
/* Bytes of the arena from an operator's scratch_off on that are its alone: scratch, and the place for many operands. 64 bits, since
 * nothing of the operator needs to have been checked. */
uint64_t pose_runtime_workspace_bytes(const struct pose_image_op *op);
/* Resolves the operands of operator `index` (below header->op_count) in *bound, or in the arena when they are many. */
void pose_runtime_bind(const struct pose_runtime *rt, uint32_t index, struct pose_bound_op *bound);

/* The arena's high-water mark: paint fills it, the mark is the offset behind the last byte that lost its paint. A write of the paint's own
 * value at the very end is not seen. */
void pose_runtime_paint(void *arena, uint32_t bytes);
uint32_t pose_runtime_high_water(const void *arena, uint32_t bytes);

#endif
