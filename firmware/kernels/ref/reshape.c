/* RESHAPE of any element type. */
#include "kernels/copy.h"

#define OPCODE_RESHAPE 22

POSE_KERNEL_FLAGS(OPCODE_RESHAPE, POSE_OP_IN_PLACE, pose_copy_check, pose_copy_run);
