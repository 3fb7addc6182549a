/* Stand-in of ll_aton_NN_interface.h, generation 3. */
#define STANDIN_GENERATION 3
#include "../../../standin_npu_interface.h"
