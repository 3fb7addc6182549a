/* Stand-in of ll_aton_config.h and ll_aton_platform.h. */
#include "../../../standin_npu_config.h"
