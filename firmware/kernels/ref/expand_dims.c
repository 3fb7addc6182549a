/* EXPAND_DIMS of any element type. */
#include "kernels/copy.h"

POSE_KERNEL_FLAGS(POSE_OPCODE_EXPAND_DIMS, POSE_OP_IN_PLACE, pose_copy_check, pose_copy_run);
