/* Stand-in of ll_aton_rt_user_api.h, with the newer name of the callback's setter beside the older one. */
#ifndef LL_ATON_RT_USER_API_H
#define LL_ATON_RT_USER_API_H

#include "ll_aton_NN_interface.h"

#define LL_ATON_PLAT_STM32N6 1
#define LL_ATON_OSAL_BARE_METAL 1
#define LL_ATON_RT_POLLING 1
#if LL_ATON_PLATFORM != LL_ATON_PLAT_STM32N6 || LL_ATON_OSAL != LL_ATON_OSAL_BARE_METAL || LL_ATON_RT_MODE != LL_ATON_RT_POLLING
#error "The build must choose platform, operating system and mode."
#endif

typedef enum { LL_ATON_RT_NO_WFE = 0, LL_ATON_RT_WFE, LL_ATON_RT_DONE } LL_ATON_RT_RetValues_t;

#define LL_ATON_DECLARE_NAMED_NN_PROTOS(name)                                                      \
    bool LL_ATON_EC_Network_Init_##name(void);                                                     \
    bool LL_ATON_EC_Inference_Init_##name(void);                                                   \
    LL_ATON_User_IO_Result_t LL_ATON_Set_User_Input_Buffer_##name(uint32_t, void *, uint32_t);     \
    LL_ATON_User_IO_Result_t LL_ATON_Set_User_Output_Buffer_##name(uint32_t, void *, uint32_t);    \
    const EpochBlock_ItemTypeDef *LL_ATON_EpochBlockItems_##name(void);                            \
    const LL_Buffer_InfoTypeDef *LL_ATON_Output_Buffers_Info_##name(void);                         \
    const LL_Buffer_InfoTypeDef *LL_ATON_Input_Buffers_Info_##name(void);                          \
    const LL_Buffer_InfoTypeDef *LL_ATON_Internal_Buffers_Info_##name(void)

#define LL_ATON_DECLARE_NAMED_NN_INSTANCE_AND_INTERFACE(name)                        \
    LL_ATON_DECLARE_NAMED_NN_PROTOS(name);                                           \
    static const NN_Interface_TypeDef NN_Interface_##name = {                        \
        .network_name = #name,                                                       \
        .ec_network_init = &LL_ATON_EC_Network_Init_##name,                          \
        .ec_inference_init = &LL_ATON_EC_Inference_Init_##name,                      \
        .input_setter = &LL_ATON_Set_User_Input_Buffer_##name,                       \
        .output_setter = &LL_ATON_Set_User_Output_Buffer_##name,                     \
        .epoch_block_items = &LL_ATON_EpochBlockItems_##name,                        \
        .output_buffers_info = &LL_ATON_Output_Buffers_Info_##name,                  \
        .input_buffers_info = &LL_ATON_Input_Buffers_Info_##name,                    \
        .internal_buffers_info = &LL_ATON_Internal_Buffers_Info_##name};             \
    static NN_Instance_TypeDef NN_Instance_##name = {.network = &NN_Interface_##name};

void LL_ATON_RT_RuntimeInit(void);
void LL_ATON_RT_RuntimeDeInit(void);
void LL_ATON_RT_SetEpochCallback(TraceEpochBlock_FuncPtr_t epoch_block_callback, NN_Instance_TypeDef *nn_instance);
void LL_ATON_RT_SetNetworkCallback(NN_Instance_TypeDef *nn_instance, TraceEpochBlock_FuncPtr_t epoch_block_callback);
void LL_ATON_RT_Init_Network(NN_Instance_TypeDef *nn_instance);
void LL_ATON_RT_DeInit_Network(NN_Instance_TypeDef *nn_instance);
void LL_ATON_RT_Reset_Network(NN_Instance_TypeDef *nn_instance);
LL_ATON_RT_RetValues_t LL_ATON_RT_RunEpochBlock(NN_Instance_TypeDef *nn_instance);

static inline LL_ATON_User_IO_Result_t LL_ATON_Set_User_Input_Buffer(const NN_Instance_TypeDef *nn, uint32_t num, void *buffer, uint32_t size)
{
    return nn->network->input_setter(num, buffer, size);
}

static inline LL_ATON_User_IO_Result_t LL_ATON_Set_User_Output_Buffer(const NN_Instance_TypeDef *nn, uint32_t num, void *buffer, uint32_t size)
{
    return nn->network->output_setter(num, buffer, size);
}

static inline const LL_Buffer_InfoTypeDef *LL_ATON_Output_Buffers_Info(const NN_Instance_TypeDef *nn)
{
    return nn->network->output_buffers_info();
}

static inline const LL_Buffer_InfoTypeDef *LL_ATON_Input_Buffers_Info(const NN_Instance_TypeDef *nn)
{
    return nn->network->input_buffers_info();
}

static inline const LL_Buffer_InfoTypeDef *LL_ATON_Internal_Buffers_Info(const NN_Instance_TypeDef *nn)
{
    return nn->network->internal_buffers_info();
}

#endif
