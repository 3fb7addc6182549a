/* PAD of 8-bit tensors, filled with the output's zero point. */
#include "kernels/pad.h"

#define OPCODE_PAD 34

POSE_KERNEL(OPCODE_PAD, pose_pad_check, pose_pad_run);
