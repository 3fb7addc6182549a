/* LOGISTIC, int8: a table of the 256 results. */
#include "kernels/table.h"

#define OPCODE_LOGISTIC 14

POSE_KERNEL_FLAGS(OPCODE_LOGISTIC, POSE_OP_IN_PLACE, pose_table_int8_check, pose_table_int8_run);
