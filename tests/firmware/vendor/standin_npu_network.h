/* What generated networks for the NPU have beside their epochs and blobs: buffers, user-allocated output. STANDIN_NAME: the C name. */
#include "standin.h"
#include "ll_aton_NN_interface.h"
#if STANDIN_GENERATION > 3
#include "ll_aton_caches_interface.h"
#include "ll_aton_runtime.h"
#endif

#define STANDIN_PASTE_(a, b) a##b
#define STANDIN_PASTE(a, b) STANDIN_PASTE_(a, b)
#define OF_NETWORK(function) STANDIN_PASTE(function##_, STANDIN_NAME)

#if !defined(LL_ATON_EB_DBG_INFO)
#error "Epochs have no number."
#endif

#if defined(__arm__)
#define TABLE ((const int8_t *)STANDIN_TABLE_ADDRESS)
#else
int8_t standin_flash[TABLE_BYTES]; /* what would be there; a test fills it */
#define TABLE standin_flash
#endif

int standin_fault;
uint32_t standin_npu_ns, standin_rest_ns; /* on the host: what an epoch of the NPU takes, and what the runtime does after each epoch */
unsigned char *standin_memory; /* where a test wants the internal buffer to be; NULL: here */

static int8_t quantized[IN_BYTES], pooled[POOLED_BYTES], first[OUT_SIDE * OUT_SIDE];
static _Alignas(32) uint8_t picture[IN_BYTES];
static _Alignas(32) unsigned char *output; /* given by the application (--no-outputs-allocation) */

#define OPCODE_QUANTIZE 0x0000b686ca057a7aull
#define OPCODE_NOTHING 0x00000003ca057a7aull

void standin_epoch_controller(uintptr_t blob);
void standin_epoch_controller(uintptr_t blob)
{
    if (*(const uint64_t *)blob == OPCODE_QUANTIZE) {
        standin_quantize(picture, quantized, TABLE);
    }
}

#if STANDIN_GENERATION < 4
static void start_2(const void *block)
{
    (void)block;
    standin_pool(quantized, pooled);
}

static void start_3(const void *block)
{
    (void)block;
    standin_slice(pooled, first);
}

static void end_3(const void *block)
{
    (void)block;
    standin_concatenate(pooled, first, (int8_t *)output);
}
#else
static void pool(const LL_ATON_RT_EpochBlockItem_t *block, const NN_Instance_TypeDef *nn_instance)
{
    (void)block;
    (void)nn_instance;
    standin_pool(quantized, pooled);
}

/* A hybrid epoch has no start; its end lets the library insert epochs of its own, which have no numbers of the network. */
static void end_2(const LL_ATON_RT_EpochBlockItem_t *block, const NN_Instance_TypeDef *nn_instance)
{
    static const LL_ATON_RT_EpochBlockItem_t inserted[] = {
        {.start_epoch_block = pool, .wait_mask = 1, .flags = EpochBlock_Flags_internal, .epoch_num = -1, .last_epoch_num = -1},
        {.flags = EpochBlock_Flags_last_eb | EpochBlock_Flags_internal},
    };
    (void)block;
    standin_insert(nn_instance, inserted);
}

static void end_3(const LL_ATON_RT_EpochBlockItem_t *block, const NN_Instance_TypeDef *nn_instance)
{
    (void)block;
    (void)nn_instance;
    standin_slice(pooled, first);
    standin_concatenate(pooled, first, (int8_t *)output);
}
#endif

#if LL_ATON_DBG_BUFFER_INFO_EXCLUDED == 0
/* Debug information of buffers, as long as that of ST's pose network: it does not fit beside the firmware. */
static const char standin_debug[480u << 10] = "Conv2D_94_off_bias_out_187";
#endif
static const float scale[] = {1.0f / 255.0f};
static const int16_t zero_in[] = {0}, zero_out[] = {-128};
static const uint32_t in_memory[] = {1, IN_SIDE, IN_SIDE, IN_CHANNELS}, in_logical[] = {1, IN_SIDE, IN_CHANNELS, IN_SIDE};
static const uint32_t out_memory[] = {1, OUT_SIDE, OUT_SIDE, OUT_CHANNELS};

const LL_Buffer_InfoTypeDef *OF_NETWORK(LL_ATON_Input_Buffers_Info)(void)
{
    static const LL_Buffer_InfoTypeDef info[] = {
        {.name = "Input_0_out_0",
         .addr_base = {picture},
         .offset_end = IN_BYTES,
         .offset_limit = IN_BYTES,
         .mem_shape = in_memory,
         .mem_ndims = 4,
         .chpos = CHPos_First,
         .type = DataType_UINT8,
         .Qunsigned = 1,
         .ndims = 4,
         .nbits = 8,
         .shape = in_logical,
         .scale = scale,
         .offset = zero_in},
#if LL_ATON_DBG_BUFFER_INFO_EXCLUDED == 0
        {.name = standin_debug,
         .offset_end = TABLE_BYTES,
         .offset_limit = TABLE_BYTES,
         .is_param = 1,
         .mem_shape = in_memory,
         .mem_ndims = 1,
         .type = DataType_INT8,
         .ndims = 1,
         .nbits = 8,
         .shape = in_memory},
#endif
        {.name = NULL},
    };
    return info;
}

const LL_Buffer_InfoTypeDef *OF_NETWORK(LL_ATON_Output_Buffers_Info)(void)
{
    static LL_Buffer_InfoTypeDef info[] = {
        {.name = "Concat_3_out_0",
         .addr_base = {(unsigned char *)&output},
         .offset_end = OUT_BYTES,
         .offset_limit = OUT_BYTES,
         .is_user_allocated = 1,
         .mem_shape = out_memory,
         .mem_ndims = 4,
         .chpos = CHPos_Last,
         .type = DataType_INT8,
         .ndims = 4,
         .nbits = 8,
         .shape = out_memory,
         .scale = scale,
         .offset = zero_out},
        {.name = NULL},
    };
    info[0].type = standin_fault == FAULT_TYPE ? DataType_UNDEFINED : DataType_INT8;
    info[0].mem_ndims = standin_fault == FAULT_SHAPE ? 3 : 4;
    return info;
}

const LL_Buffer_InfoTypeDef *OF_NETWORK(LL_ATON_Internal_Buffers_Info)(void)
{
    static LL_Buffer_InfoTypeDef info[] = {
#if STANDIN_GENERATION == 2 || LL_ATON_DBG_BUFFER_INFO_EXCLUDED == 0
        {.name = "Quantize_1_out_0", .addr_base = {(unsigned char *)quantized}, .offset_end = IN_BYTES, .type = DataType_INT8},
#endif
        {.name = NULL},
    };
    if (info[0].name != NULL) {
        info[0].addr_base.p = standin_memory != NULL ? standin_memory : (unsigned char *)quantized;
    }
    return info;
}

LL_ATON_User_IO_Result_t OF_NETWORK(LL_ATON_Set_User_Output_Buffer)(uint32_t num, void *buffer, uint32_t size)
{
    if (num != 0) {
        return LL_ATON_User_IO_WRONG_INDEX;
    }
    if (((uintptr_t)buffer & 31u) != 0) {
        return LL_ATON_User_IO_WRONG_ALIGN;
    }
    if (size < OUT_BYTES) {
        return LL_ATON_User_IO_WRONG_SIZE;
    }
    output = buffer;
    return LL_ATON_User_IO_NOERROR;
}

void *OF_NETWORK(LL_ATON_Get_User_Output_Buffer)(uint32_t num)
{
    return num == 0 ? output : NULL;
}

LL_ATON_User_IO_Result_t OF_NETWORK(LL_ATON_Set_User_Input_Buffer)(uint32_t num, void *buffer, uint32_t size)
{
    (void)num;
    (void)buffer;
    (void)size;
    return LL_ATON_User_IO_WRONG_INDEX;
}

void *OF_NETWORK(LL_ATON_Get_User_Input_Buffer)(uint32_t num)
{
    (void)num;
    return NULL;
}
