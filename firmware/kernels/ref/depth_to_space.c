/* DEPTH_TO_SPACE of any element type. */
#include "kernels/walk.h"

POSE_KERNEL(POSE_OPCODE_DEPTH_TO_SPACE, pose_walk_check, pose_walk_run);
