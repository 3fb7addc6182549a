/* Stand-in of ll_aton_NN_interface.h of all generations: buffers, epoch blocks, network instances. STANDIN_GENERATION: 2, 3 or 4. 3 has other numbers of
 * the data types and more in an interface; 4 gives the functions of a block the network's instance, and has lost the name that ST calls deprecated. */
#ifndef STANDIN_NPU_INTERFACE_H
#define STANDIN_NPU_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ll_aton_config.h"

typedef union {
    unsigned char *p;
    uintptr_t i;
} __LL_address_t;

#if STANDIN_GENERATION == 2
typedef enum {
    DataType_UNDEFINED = 0,
    DataType_FLOAT = 1,
    DataType_UINT8 = 2,
    DataType_INT8 = 3,
    DataType_INT16 = 5,
    DataType_INT32 = 6,
    DataType_FXP = 17
} Buffer_DataType_TypeDef;
#else
typedef enum {
    DataType_UNDEFINED = 0,
    DataType_FLOAT = 1,
    DataType_UINT8 = 6,
    DataType_INT8 = 7,
    DataType_INT16 = 9,
    DataType_INT32 = 10,
    DataType_FXP = 21
} Buffer_DataType_TypeDef;
#endif

typedef enum { CHPos_UNDEFINED = 0, CHPos_First = 1, CHPos_Last = 2, CHPos_Mixed = 3 } Buffer_CHPos_TypeDef;

typedef struct {
    const char *name;
    __LL_address_t addr_base;
    uint32_t offset_start, offset_end, offset_limit;
    uint8_t is_user_allocated, is_param;
    uint16_t epoch;
    uint32_t batch;
    const uint32_t *mem_shape;
    uint16_t mem_ndims;
    Buffer_CHPos_TypeDef chpos;
    Buffer_DataType_TypeDef type;
    int8_t Qm, Qn;
    uint8_t Qunsigned, ndims, nbits, per_channel;
    const uint32_t *shape;
    const float *scale;
    const int16_t *offset;
} LL_Buffer_InfoTypeDef;

static inline unsigned char *LL_Buffer_addr_base(const LL_Buffer_InfoTypeDef *buf)
{
    return buf->is_user_allocated ? *(unsigned char **)(void *)buf->addr_base.p : buf->addr_base.p;
}

static inline unsigned char *LL_Buffer_addr_start(const LL_Buffer_InfoTypeDef *buf)
{
    return LL_Buffer_addr_base(buf) + buf->offset_start;
}

static inline uint32_t LL_Buffer_len(const LL_Buffer_InfoTypeDef *buf)
{
    return buf->offset_end - buf->offset_start;
}

struct epoch_block;
struct nn_instance;
#if STANDIN_GENERATION < 4
typedef void (*EpochBlock_FuncPtr_t)(const void *epoch_block);
#else
typedef void (*EpochBlock_FuncPtr_t)(const struct epoch_block *epoch_block, const struct nn_instance *nn_instance);
#endif

typedef enum {
    EpochBlock_Flags_NONE = 0,
    EpochBlock_Flags_epoch_start = 1 << 0,
    EpochBlock_Flags_epoch_end = 1 << 1,
    EpochBlock_Flags_blob = 1 << 2,
    EpochBlock_Flags_last_eb = 1 << 3,
    EpochBlock_Flags_pure_hw = 1 << 4,
    EpochBlock_Flags_pure_sw = 1 << 5,
    EpochBlock_Flags_hybrid = 1 << 6,
    EpochBlock_Flags_internal = 1 << 7
} EpochBlock_Flags_t;

/* Of an epoch of the NPU `wait_mask` says what ends it; of a blob it is the number of the epoch controller. */
typedef struct epoch_block {
    EpochBlock_FuncPtr_t start_epoch_block, end_epoch_block;
    uintptr_t blob_address;
    uint32_t wait_mask;
    uint16_t flags;
#ifdef LL_ATON_EB_DBG_INFO
    int16_t epoch_num, last_epoch_num;
#endif
} LL_ATON_RT_EpochBlockItem_t;

#if STANDIN_GENERATION < 4
typedef LL_ATON_RT_EpochBlockItem_t EpochBlock_ItemTypeDef;
#endif

typedef enum { LL_ATON_RT_NO_WFE = 0, LL_ATON_RT_WFE, LL_ATON_RT_DONE } LL_ATON_RT_RetValues_t;

typedef enum {
    LL_ATON_User_IO_NOERROR,
    LL_ATON_User_IO_WRONG_ALIGN,
    LL_ATON_User_IO_WRONG_SIZE,
    LL_ATON_User_IO_WRONG_INDEX
} LL_ATON_User_IO_Result_t;

typedef enum {
    LL_ATON_RT_Callbacktype_PRE_START,
    LL_ATON_RT_Callbacktype_POST_START,
    LL_ATON_RT_Callbacktype_PRE_END,
    LL_ATON_RT_Callbacktype_POST_END,
    LL_ATON_RT_Callbacktype_NN_Init,
    LL_ATON_RT_Callbacktype_NN_DeInit,
    LL_ATON_RT_Callbacktype_RT_Init,
    LL_ATON_RT_Callbacktype_RT_Deinit
} LL_ATON_RT_Callbacktype_t;

typedef void (*TraceEpochBlock_FuncPtr_t)(LL_ATON_RT_Callbacktype_t ctype, const struct nn_instance *nn_instance,
                                          const LL_ATON_RT_EpochBlockItem_t *epoch_block);

typedef struct {
    int enable;
} LL_Streng_EncryptionTypedef;

typedef struct {
    const char *network_name;
    bool (*ec_network_init)(void);
    bool (*ec_inference_init)(void);
    LL_ATON_User_IO_Result_t (*input_setter)(uint32_t num, void *buffer, uint32_t size);
    void *(*input_getter)(uint32_t num);
    LL_ATON_User_IO_Result_t (*output_setter)(uint32_t num, void *buffer, uint32_t size);
    void *(*output_getter)(uint32_t num);
    const LL_ATON_RT_EpochBlockItem_t *(*epoch_block_items)(void);
    const LL_Buffer_InfoTypeDef *(*output_buffers_info)(void);
    const LL_Buffer_InfoTypeDef *(*input_buffers_info)(void);
#if STANDIN_GENERATION > 2
    const LL_Streng_EncryptionTypedef *(*blob_encryption_info)(void);
    const LL_Streng_EncryptionTypedef *(*weight_encryption_info)(void);
#endif
    const LL_Buffer_InfoTypeDef *(*internal_buffers_info)(void);
} NN_Interface_TypeDef;

typedef struct nn_instance {
    const NN_Interface_TypeDef *network;
    struct {
        const LL_ATON_RT_EpochBlockItem_t *current, *next, *saved; /* `next`: inserted ones, `saved`: what they were inserted for */
        bool initialised, inference_started, current_started;
#if LL_ATON_RT_MODE == LL_ATON_RT_ASYNC
        volatile uint32_t triggered_events;
#endif
        TraceEpochBlock_FuncPtr_t callback;
    } exec_state;
} NN_Instance_TypeDef;

#if STANDIN_GENERATION > 2
#define STANDIN_ENCRYPTION_PROTOS(name)                                            \
    const LL_Streng_EncryptionTypedef *LL_ATON_WeightEncryption_Info_##name(void); \
    const LL_Streng_EncryptionTypedef *LL_ATON_BlobEncryption_Info_##name(void);
#define STANDIN_ENCRYPTION(name) \
    .weight_encryption_info = &LL_ATON_WeightEncryption_Info_##name, .blob_encryption_info = &LL_ATON_BlobEncryption_Info_##name,
#else
#define STANDIN_ENCRYPTION_PROTOS(name)
#define STANDIN_ENCRYPTION(name)
#endif

#define LL_ATON_DECLARE_NAMED_NN_PROTOS(name)                                                   \
    bool LL_ATON_EC_Network_Init_##name(void);                                                  \
    bool LL_ATON_EC_Inference_Init_##name(void);                                                \
    LL_ATON_User_IO_Result_t LL_ATON_Set_User_Input_Buffer_##name(uint32_t, void *, uint32_t);  \
    void *LL_ATON_Get_User_Input_Buffer_##name(uint32_t);                                       \
    LL_ATON_User_IO_Result_t LL_ATON_Set_User_Output_Buffer_##name(uint32_t, void *, uint32_t); \
    void *LL_ATON_Get_User_Output_Buffer_##name(uint32_t);                                      \
    const LL_ATON_RT_EpochBlockItem_t *LL_ATON_EpochBlockItems_##name(void);                    \
    const LL_Buffer_InfoTypeDef *LL_ATON_Output_Buffers_Info_##name(void);                      \
    const LL_Buffer_InfoTypeDef *LL_ATON_Input_Buffers_Info_##name(void);                       \
    STANDIN_ENCRYPTION_PROTOS(name)                                                             \
    const LL_Buffer_InfoTypeDef *LL_ATON_Internal_Buffers_Info_##name(void)

#define LL_ATON_DECLARE_NAMED_NN_INSTANCE_AND_INTERFACE(name)                                    \
    LL_ATON_DECLARE_NAMED_NN_PROTOS(name);                                                       \
    static const NN_Interface_TypeDef NN_Interface_##name = {                                    \
        .network_name = #name,                                                                   \
        .ec_network_init = &LL_ATON_EC_Network_Init_##name,                                      \
        .ec_inference_init = &LL_ATON_EC_Inference_Init_##name,                                  \
        .input_setter = &LL_ATON_Set_User_Input_Buffer_##name,                                   \
        .input_getter = &LL_ATON_Get_User_Input_Buffer_##name,                                   \
        .output_setter = &LL_ATON_Set_User_Output_Buffer_##name,                                 \
        .output_getter = &LL_ATON_Get_User_Output_Buffer_##name,                                 \
        .epoch_block_items = &LL_ATON_EpochBlockItems_##name,                                    \
        .output_buffers_info = &LL_ATON_Output_Buffers_Info_##name,                              \
        .input_buffers_info = &LL_ATON_Input_Buffers_Info_##name,                                \
        STANDIN_ENCRYPTION(name).internal_buffers_info = &LL_ATON_Internal_Buffers_Info_##name}; \
    static NN_Instance_TypeDef NN_Instance_##name = {.network = &NN_Interface_##name};

#endif
