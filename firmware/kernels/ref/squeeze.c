/* SQUEEZE of any element type. */
#include "kernels/copy.h"

#define OPCODE_SQUEEZE 43

POSE_KERNEL_FLAGS(OPCODE_SQUEEZE, POSE_OP_IN_PLACE, pose_copy_check, pose_copy_run);
