/* Stand-in of ll_aton_runtime.h of 3.0: what the user calls has a file of its own. */
#ifndef LL_ATON_RUNTIME_H
#define LL_ATON_RUNTIME_H

#include "ll_aton_rt_user_api.h"

void NPU0_IRQHandler(void);

#endif
