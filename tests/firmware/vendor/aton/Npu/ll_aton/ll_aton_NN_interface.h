/* Stand-in of ll_aton_NN_interface.h, generation 2. */
#define STANDIN_GENERATION 2
#include "../../../standin_npu_interface.h"
