/* SPACE_TO_DEPTH of any element type. */
#include "kernels/walk.h"

POSE_KERNEL(POSE_OPCODE_SPACE_TO_DEPTH, pose_walk_check, pose_walk_run);
