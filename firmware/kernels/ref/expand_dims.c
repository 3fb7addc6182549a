/* EXPAND_DIMS of any element type. */
#include "kernels/copy.h"

#define OPCODE_EXPAND_DIMS 70

POSE_KERNEL_FLAGS(OPCODE_EXPAND_DIMS, POSE_OP_IN_PLACE, pose_copy_check, pose_copy_run);
