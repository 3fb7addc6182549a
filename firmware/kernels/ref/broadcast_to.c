/* BROADCAST_TO of any element type. */
#include "kernels/walk.h"

POSE_KERNEL(POSE_OPCODE_BROADCAST_TO, pose_walk_check, pose_walk_run);
