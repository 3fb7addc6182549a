/* CAST between numbers. */
#include "kernels/cast.h"

POSE_KERNEL_FLAGS(POSE_OPCODE_CAST, POSE_KERNEL_ROWS, pose_cast_check, pose_cast_run);
