/* Stand-in of a generated network.c (Neural-ART), named Default as before 3.0:

global pools
*/
/* global pool 0 is 256 B */
/* index=0 file postfix=xSPI2 name=octoFlash offset=0x71000000 absolute_mode size=62914552 READ_ONLY THROUGHPUT=MID LATENCY=HIGH byte width=1 freq ratio=6.00 */
#include "../../standin.h"
#include "ll_aton_NN_interface.h"
#include "network.h"

#if defined(__arm__)
#define TABLE ((const int8_t *)0x71000000u)
#else
int8_t standin_flash[TABLE_BYTES]; /* what would be at 0x71000000; a test fills it */
#define TABLE standin_flash
#endif

int standin_fault;
unsigned char *standin_memory; /* where a test wants the internal buffer to be; NULL: here */

static int8_t quantized[IN_BYTES], pooled[POOLED_BYTES], first[OUT_SIDE * OUT_SIDE];
static _Alignas(32) uint8_t picture[IN_BYTES];
static _Alignas(32) unsigned char *output; /* given by the application (--no-outputs-allocation) */

static void start_1(const void *block)
{
    (void)block;
    standin_quantize(picture, quantized, TABLE);
}

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

const EpochBlock_ItemTypeDef *LL_ATON_EpochBlockItems_Default(void)
{
    static const EpochBlock_ItemTypeDef items[] = {
        {.start_epoch_block = start_1, .wait_mask = 1, .flags = EpochBlock_Flags_pure_hw, .epoch_num = 1, .last_epoch_num = 1},
        {.start_epoch_block = start_2, .wait_mask = 1, .flags = EpochBlock_Flags_hybrid, .epoch_num = 2, .last_epoch_num = 4},
        {.start_epoch_block = start_3, .end_epoch_block = end_3, .flags = EpochBlock_Flags_pure_sw, .epoch_num = 5, .last_epoch_num = 5},
        {.flags = EpochBlock_Flags_last_eb},
    };
    return items;
}

static const float scale[] = {1.0f / 255.0f};
static const int16_t zero_in[] = {0}, zero_out[] = {-128};
static const uint32_t in_memory[] = {1, IN_SIDE, IN_SIDE, IN_CHANNELS}, in_logical[] = {1, IN_SIDE, IN_CHANNELS, IN_SIDE};
static const uint32_t out_memory[] = {1, OUT_SIDE, OUT_SIDE, OUT_CHANNELS}, table_shape[] = {TABLE_BYTES};

const LL_Buffer_InfoTypeDef *LL_ATON_Input_Buffers_Info_Default(void)
{
    static const LL_Buffer_InfoTypeDef info[] = {
        {.name = "Input_0_out_0", .addr_base = {picture}, .offset_end = IN_BYTES, .offset_limit = IN_BYTES, .mem_shape = in_memory,
         .mem_ndims = 4, .chpos = CHPos_First, .type = DataType_UINT8, .Qunsigned = 1, .ndims = 4, .nbits = 8, .shape = in_logical,
         .scale = scale, .offset = zero_in},
        {.name = "Table", .offset_end = TABLE_BYTES, .offset_limit = TABLE_BYTES, .is_param = 1, .mem_shape = table_shape, .mem_ndims = 1,
         .type = DataType_INT8, .ndims = 1, .nbits = 8, .shape = table_shape},
        {.name = NULL},
    };
    return info;
}

const LL_Buffer_InfoTypeDef *LL_ATON_Output_Buffers_Info_Default(void)
{
    static LL_Buffer_InfoTypeDef info[] = {
        {.name = "Concat_3_out_0", .addr_base = {(unsigned char *)&output}, .offset_end = OUT_BYTES, .offset_limit = OUT_BYTES,
         .is_user_allocated = 1, .mem_shape = out_memory, .mem_ndims = 4, .chpos = CHPos_Last, .type = DataType_INT8, .ndims = 4, .nbits = 8,
         .shape = out_memory, .scale = scale, .offset = zero_out},
        {.name = NULL},
    };
    info[0].type = standin_fault == FAULT_TYPE ? DataType_UNDEFINED : DataType_INT8;
    info[0].mem_ndims = standin_fault == FAULT_SHAPE ? 3 : 4;
    return info;
}

const LL_Buffer_InfoTypeDef *LL_ATON_Internal_Buffers_Info_Default(void)
{
    static LL_Buffer_InfoTypeDef info[] = {
        {.name = "Quantize_1_out_0", .addr_base = {(unsigned char *)quantized}, .offset_end = IN_BYTES, .type = DataType_INT8},
        {.name = NULL},
    };
    info[0].addr_base.p = standin_memory != NULL ? standin_memory : (unsigned char *)quantized;
    return info;
}

LL_ATON_User_IO_Result_t LL_ATON_Set_User_Output_Buffer_Default(uint32_t num, void *buffer, uint32_t size)
{
    if (num != 0) {
        return LL_ATON_User_IO_WRONG_INDEX;
    }
    if (size != OUT_BYTES || ((uintptr_t)buffer & 31u) != 0) {
        return LL_ATON_User_IO_WRONG_ALIGN;
    }
    output = buffer;
    return LL_ATON_User_IO_NOERROR;
}

LL_ATON_User_IO_Result_t LL_ATON_Set_User_Input_Buffer_Default(uint32_t num, void *buffer, uint32_t size)
{
    (void)num;
    (void)buffer;
    (void)size;
    return LL_ATON_User_IO_WRONG_INDEX;
}

bool LL_ATON_EC_Network_Init_Default(void)
{
    return true;
}

bool LL_ATON_EC_Inference_Init_Default(void)
{
    return true;
}
