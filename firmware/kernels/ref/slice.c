/* SLICE of any element type. */
#include "kernels/walk.h"

POSE_KERNEL(POSE_OPCODE_SLICE, pose_walk_check, pose_walk_run);
