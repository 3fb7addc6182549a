/* SLICE of any element type. */
#include "kernels/walk.h"

#define OPCODE_SLICE 65

POSE_KERNEL(OPCODE_SLICE, pose_walk_check, pose_walk_run);
