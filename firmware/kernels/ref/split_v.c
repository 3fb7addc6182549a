/* SPLIT_V of any element type into parts of any sizes. */
#include "kernels/split.h"

POSE_KERNEL(POSE_OPCODE_SPLIT_V, pose_split_check, pose_split_run);
