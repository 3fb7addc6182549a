/* STRIDED_SLICE of any element type. */
#include "kernels/walk.h"

#define OPCODE_STRIDED_SLICE 45

POSE_KERNEL(OPCODE_STRIDED_SLICE, pose_walk_check, pose_walk_run);
