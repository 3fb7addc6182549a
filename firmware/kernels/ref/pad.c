/* PAD of 8-bit tensors, filled with the output's zero point. */
#include "kernels/pad.h"

POSE_KERNEL_FLAGS(POSE_OPCODE_PAD, POSE_OP_IN_PLACE, pose_pad_check, pose_pad_run);
