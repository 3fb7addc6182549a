/* DEQUANTIZE of 8-bit values. */
#include "kernels/dequantize.h"

POSE_KERNEL_FLAGS(POSE_OPCODE_DEQUANTIZE, POSE_KERNEL_ROWS, pose_dequantize_check, pose_dequantize_run);
