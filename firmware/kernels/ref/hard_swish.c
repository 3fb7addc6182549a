/* HARD_SWISH, int8: a table of the 256 results. */
#include "kernels/table.h"

POSE_KERNEL(POSE_OPCODE_HARD_SWISH, pose_table_only_check, pose_table_only_run);
