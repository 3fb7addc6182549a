/* REVERSE_V2 of any element type. */
#include "kernels/walk.h"

POSE_KERNEL(POSE_OPCODE_REVERSE_V2, pose_walk_check, pose_walk_run);
