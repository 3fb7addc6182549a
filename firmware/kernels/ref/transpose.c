/* TRANSPOSE of any element type. */
#include "kernels/walk.h"

#define OPCODE_TRANSPOSE 39

POSE_KERNEL(OPCODE_TRANSPOSE, pose_walk_check, pose_walk_run);
