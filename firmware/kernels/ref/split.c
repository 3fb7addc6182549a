/* SPLIT of any element type into equal parts. */
#include "kernels/split.h"

POSE_KERNEL(POSE_OPCODE_SPLIT, pose_split_check, pose_split_run);
