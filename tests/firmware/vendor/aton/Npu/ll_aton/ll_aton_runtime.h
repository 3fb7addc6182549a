/* Stand-in of ll_aton_runtime.h and what it includes (ll_aton_NN_interface.h, ll_aton_rt_user_api.h, ll_aton_osal.h). */
#ifndef LL_ATON_RUNTIME_H
#define LL_ATON_RUNTIME_H

#include "ll_aton_rt_user_api.h"

#endif
