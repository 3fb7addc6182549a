/* What an operator kernel is. One operator and one variant a file: kernels/<set>/<operator>.c. The build takes
 * kernels/<set>/X.c where it exists and kernels/ref/X.c otherwise; a file announces itself with POSE_KERNEL, so
 * that adding an operator touches no list. All sets give the same bits. */
#ifndef POSE_KERNELS_H
#define POSE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "pose/image.h"
#include "pose/opcodes.h"

struct pose_operand {
    void *data;                             /* NULL for an absent optional operand */
    const struct pose_image_tensor *tensor; /* NULL likewise */
};

struct pose_op {
    const struct pose_image_op *desc;
    const void *params;             /* desc->params_bytes bytes, 8-byte aligned */
    const struct pose_operand *in;  /* desc->input_count */
    const struct pose_operand *out; /* desc->output_count */
    void *scratch;                  /* desc->scratch_bytes bytes, 16-byte aligned */
    const uint8_t *image;           /* for constants that params name by offset */
    uint32_t image_bytes;
};

/* Kernel flag, besides those of operators (POSE_OP_...): run() makes some rows of its output from the rows of its inputs that they need, so
 * that the operator can be part of a stream. The planner's rule says the same: ROWS in pytest_stm32pose/network/ops/<operator>.py. */
#define POSE_KERNEL_ROWS 0x100u

struct pose_kernel {
    uint16_t opcode;
    uint16_t flags; /* POSE_OP_IN_PLACE: run() may be given an output 0 that starts where input 0 does; POSE_KERNEL_ROWS */
    /* Called once when the network is opened, with data pointers set: refuses (negative status) whatever run() could
     * not execute without leaving its buffers: counts, dtypes, shapes, constant offsets, scratch size. */
    int (*check)(const struct pose_op *op);
    int (*run)(const struct pose_op *op);
};

/* The alignment is given because compilers raise that of larger objects, which would leave holes in the table. */
/* clang-format off */
#define POSE_KERNEL_FLAGS(opcode_, flags_, check_, run_)                                         \
    __attribute__((section("pose_kernels"), used, aligned(__alignof__(struct pose_kernel)))) \
    static const struct pose_kernel pose_kernel_ = {(uint16_t)(opcode_), (uint16_t)(flags_), (check_), (run_)}
/* clang-format on */
#define POSE_KERNEL(opcode_, check_, run_) POSE_KERNEL_FLAGS(opcode_, 0u, check_, run_)

extern const struct pose_kernel __start_pose_kernels[];
extern const struct pose_kernel __stop_pose_kernels[];

/* Points into the image at off when [off, off + bytes) lies inside it and off is a multiple of align; else NULL. */
static inline const void *pose_op_const(const struct pose_op *op, uint32_t off, uint32_t bytes, uint32_t align)
{
    if (off > op->image_bytes || bytes > op->image_bytes - off || (off % align) != 0u) {
        return NULL;
    }
    return op->image + off;
}

#endif
