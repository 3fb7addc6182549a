/* Stand-in of ll_aton_runtime.h of 4.0: what the user calls has a file of its own; a library that works for a hybrid epoch inserts epochs of its own. */
#ifndef LL_ATON_RUNTIME_H
#define LL_ATON_RUNTIME_H

#include "ll_aton_rt_user_api.h"

void NPU0_IRQHandler(void);

/* What the operators of ll_aton_lib.c do: they get the network's instance, and take the NPU for it. */
void standin_insert(const NN_Instance_TypeDef *nn_instance, const LL_ATON_RT_EpochBlockItem_t *new_epoch_block_array);

#endif
