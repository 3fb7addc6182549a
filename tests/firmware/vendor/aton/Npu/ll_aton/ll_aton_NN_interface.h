/* Stand-in of ll_aton_NN_interface.h: buffers, epoch blocks, network instances. */
#ifndef LL_ATON_NN_INTERFACE_H
#define LL_ATON_NN_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef union {
    unsigned char *p;
    uintptr_t i;
} __LL_address_t;

typedef enum {
    DataType_UNDEFINED = 0,
    DataType_FLOAT = 1,
    DataType_UINT8 = 6,
    DataType_INT8 = 7,
    DataType_INT16 = 9,
    DataType_INT32 = 10
} Buffer_DataType_TypeDef;

typedef enum { CHPos_UNDEFINED = 0, CHPos_First = 1, CHPos_Last = 2 } Buffer_CHPos_TypeDef;

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

typedef void (*EpochBlock_FuncPtr_t)(const void *epoch_block);

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

typedef struct {
    EpochBlock_FuncPtr_t start_epoch_block, end_epoch_block;
    uintptr_t blob_address;
    uint32_t wait_mask;
    uint16_t flags;
#ifdef LL_ATON_EB_DBG_INFO
    int16_t epoch_num, last_epoch_num;
#endif
} EpochBlock_ItemTypeDef;

typedef EpochBlock_ItemTypeDef LL_ATON_RT_EpochBlockItem_t;

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

struct nn_instance;
typedef void (*TraceEpochBlock_FuncPtr_t)(LL_ATON_RT_Callbacktype_t ctype, const struct nn_instance *nn_instance,
                                          const LL_ATON_RT_EpochBlockItem_t *epoch_block);

typedef struct {
    const char *network_name;
    bool (*ec_network_init)(void);
    bool (*ec_inference_init)(void);
    LL_ATON_User_IO_Result_t (*input_setter)(uint32_t num, void *buffer, uint32_t size);
    LL_ATON_User_IO_Result_t (*output_setter)(uint32_t num, void *buffer, uint32_t size);
    const EpochBlock_ItemTypeDef *(*epoch_block_items)(void);
    const LL_Buffer_InfoTypeDef *(*output_buffers_info)(void);
    const LL_Buffer_InfoTypeDef *(*input_buffers_info)(void);
    const LL_Buffer_InfoTypeDef *(*internal_buffers_info)(void);
} NN_Interface_TypeDef;

typedef struct nn_instance {
    const NN_Interface_TypeDef *network;
    struct {
        const EpochBlock_ItemTypeDef *current;
        bool started, waited, initialised;
        TraceEpochBlock_FuncPtr_t callback;
    } exec_state;
} NN_Instance_TypeDef;

#endif
