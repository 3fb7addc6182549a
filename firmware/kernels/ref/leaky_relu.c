/* LEAKY_RELU, int8: a table of the 256 results. */
#include "kernels/table.h"

#define OPCODE_LEAKY_RELU 98

POSE_KERNEL(OPCODE_LEAKY_RELU, pose_table_int8_check, pose_table_int8_run);
