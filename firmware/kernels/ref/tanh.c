/* TANH of int8 or uint8: a table of the 256 results. */
#include "kernels/table.h"

POSE_KERNEL_FLAGS(POSE_OPCODE_TANH, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_table_only_check, pose_table_only_run);
