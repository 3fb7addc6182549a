/* PADV2 of 8-bit tensors, filled with the value the network gives. */
#include "kernels/pad.h"

POSE_KERNEL_FLAGS(POSE_OPCODE_PADV2, POSE_OP_IN_PLACE, pose_pad_check, pose_pad_run);
