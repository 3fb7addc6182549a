/* Stand-in of ll_aton_runtime.c. */
#include "../../../standin_npu_runtime.h"
