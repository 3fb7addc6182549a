/* TILE of any element type. */
#include "kernels/walk.h"

POSE_KERNEL(POSE_OPCODE_TILE, pose_walk_check, pose_walk_run);
