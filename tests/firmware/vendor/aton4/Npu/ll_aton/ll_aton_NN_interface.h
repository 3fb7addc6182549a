/* Stand-in of ll_aton_NN_interface.h, generation 4. */
#define STANDIN_GENERATION 4
#include "../../../standin_npu_interface.h"
