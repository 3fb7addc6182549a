/* Stand-in of ll_aton_runtime.c: runs epoch blocks one by one; an epoch of the NPU is waited for once before it ends. What is done before the
 * runtime or the network is initialised, or a second time, traps: the real one asserts. */
#include "ll_aton_runtime.h"

static bool runtime_initialised;

void LL_ATON_RT_RuntimeInit(void)
{
    if (runtime_initialised) {
        __builtin_trap();
    }
    runtime_initialised = true;
}

void LL_ATON_RT_RuntimeDeInit(void)
{
    runtime_initialised = false;
}

void LL_ATON_RT_SetNetworkCallback(NN_Instance_TypeDef *nn, TraceEpochBlock_FuncPtr_t callback)
{
    nn->exec_state.callback = callback;
}

void LL_ATON_RT_SetEpochCallback(TraceEpochBlock_FuncPtr_t callback, NN_Instance_TypeDef *nn)
{
    LL_ATON_RT_SetNetworkCallback(nn, callback);
}

static void tell(const NN_Instance_TypeDef *nn, LL_ATON_RT_Callbacktype_t type, const EpochBlock_ItemTypeDef *block)
{
    if (nn->exec_state.callback != NULL) {
        nn->exec_state.callback(type, nn, block);
    }
}

void LL_ATON_RT_Init_Network(NN_Instance_TypeDef *nn)
{
    if (!runtime_initialised || nn->exec_state.initialised || !nn->network->ec_network_init()) {
        __builtin_trap();
    }
    nn->exec_state.initialised = true;
    LL_ATON_RT_Reset_Network(nn);
    tell(nn, LL_ATON_RT_Callbacktype_NN_Init, NULL);
}

void LL_ATON_RT_DeInit_Network(NN_Instance_TypeDef *nn)
{
    tell(nn, LL_ATON_RT_Callbacktype_NN_DeInit, NULL);
    nn->exec_state.initialised = false;
}

void LL_ATON_RT_Reset_Network(NN_Instance_TypeDef *nn)
{
    nn->exec_state.current = nn->network->epoch_block_items();
    nn->exec_state.started = false;
}

LL_ATON_RT_RetValues_t LL_ATON_RT_RunEpochBlock(NN_Instance_TypeDef *nn)
{
    const EpochBlock_ItemTypeDef *block = nn->exec_state.current;
    if (!nn->exec_state.initialised) {
        __builtin_trap();
    }
    if ((block->flags & EpochBlock_Flags_last_eb) != 0) {
        return LL_ATON_RT_DONE;
    }
    if (!nn->exec_state.started) {
        tell(nn, LL_ATON_RT_Callbacktype_PRE_START, block);
        if (block->start_epoch_block != NULL) {
            block->start_epoch_block(block);
        }
        tell(nn, LL_ATON_RT_Callbacktype_POST_START, block);
        nn->exec_state.started = true;
        if (block->wait_mask != 0u) {
            return LL_ATON_RT_WFE;
        }
    }
    tell(nn, LL_ATON_RT_Callbacktype_PRE_END, block);
    if (block->end_epoch_block != NULL) {
        block->end_epoch_block(block);
    }
    tell(nn, LL_ATON_RT_Callbacktype_POST_END, block);
    nn->exec_state.started = false;
    nn->exec_state.current++;
    return LL_ATON_RT_NO_WFE;
}
