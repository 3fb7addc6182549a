/* Stand-in of a generated network.c (Neural-ART) of 4.0, whose hybrid epochs let the runtime's library insert others. It does not say the tool's version.
 *
 * GIT_DESCRIPTION "atonn-v1.1.3-262"
 * --enable-epoch-controller = true
 */
#include "ll_aton_version.h"
#if LL_ATON_VERSION_MAJOR != 1 || LL_ATON_VERSION_MINOR != 1 || LL_ATON_VERSION_MICRO != 3 || LL_ATON_VERSION_DEV != 262
#error "Possible mismatch in ll_aton library used"
#endif

/* global pool 7 is 256 B */
/* index=7 file postfix=xSPI2 name=octoFlash offset=0x71800000  absolute_mode size=33554424 READ_ONLY THROUGHPUT=MID LATENCY=HIGH byte width=1 freq ratio=6 */
/* global pool 1 is 14.06 KB */
/* index=1 file postfix=AXISRAM5 name=npuRAM5 offset=0x342e0000  absolute_mode size=458752 READ_WRITE THROUGHPUT=HIGH LATENCY=LOW byte width=8 freq ratio=1.25 */
/* global pool 4 is ? */
/* index=4 file postfix=AXISRAM2 name=cpuRAM2 offset=0x34100000  absolute_mode size=0 READ_WRITE THROUGHPUT=MID LATENCY=MID byte width=8 freq ratio=2.5 */
#define STANDIN_NAME network
#define STANDIN_TABLE_ADDRESS 0x71800000u
#include "../../standin_npu_network.h"
#include "network_ecblobs.h"

const LL_Streng_EncryptionTypedef *LL_ATON_WeightEncryption_Info_network()
{
    static const LL_Streng_EncryptionTypedef none = {.enable = 0};
    return &none;
}

const LL_Streng_EncryptionTypedef *LL_ATON_BlobEncryption_Info_network()
{
    return LL_ATON_WeightEncryption_Info_network();
}

const LL_ATON_RT_EpochBlockItem_t *LL_ATON_EpochBlockItems_network(void)
{
    static const LL_ATON_RT_EpochBlockItem_t items[] = {
        {.blob_address = (uintptr_t)_ec_blob_network_1_ptr,
         .wait_mask = 0,
         .flags = EpochBlock_Flags_epoch_start | EpochBlock_Flags_blob | EpochBlock_Flags_pure_hw,
         .epoch_num = 1,
         .last_epoch_num = 1},
        {.end_epoch_block = end_2, .flags = EpochBlock_Flags_hybrid, .epoch_num = 2, .last_epoch_num = 4},
        {.end_epoch_block = end_3, .flags = EpochBlock_Flags_pure_sw, .epoch_num = 5, .last_epoch_num = 5},
        {.flags = EpochBlock_Flags_last_eb},
    };
    return items;
}
