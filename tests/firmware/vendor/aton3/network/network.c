/* Stand-in of a generated network.c (Neural-ART) of 3.0: another runtime than its own is an error, and blobs are as long as those of ST's networks.
 *
 * GIT_BRANCH      "STAI-3.0"
 * --enable-epoch-controller = true
 */
#include "ll_aton_version.h"
#if LL_ATON_VERSION_MAJOR != 1 || LL_ATON_VERSION_MINOR != 1 || LL_ATON_VERSION_MICRO != 3 || LL_ATON_VERSION_DEV != 8
#error "Possible mismatch in ll_aton library used"
#endif

/* global pool 7 is 256 B */
/* index=7 file postfix=xSPI2 name=octoFlash offset=0x71000000  absolute_mode size=33554424 READ_ONLY THROUGHPUT=MID LATENCY=HIGH byte width=1 freq ratio=6 */
/* global pool 1 is 14.06 KB */
/* index=1 file postfix=AXISRAM5 name=npuRAM5 offset=0x342e0000  absolute_mode size=458752 READ_WRITE THROUGHPUT=HIGH LATENCY=LOW byte width=8 freq ratio=1.25 */
/* global pool 4 is ? */
/* index=4 file postfix=AXISRAM2 name=cpuRAM2 offset=0x34100000  absolute_mode size=0 READ_WRITE THROUGHPUT=MID LATENCY=MID byte width=8 freq ratio=2.5 */
#define STANDIN_NAME network
#define STANDIN_TABLE_ADDRESS 0x71000000u
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

const EpochBlock_ItemTypeDef *LL_ATON_EpochBlockItems_network(void)
{
    static const EpochBlock_ItemTypeDef items[] = {
        {.blob_address = (uintptr_t)_ec_blob_network_1_ptr,
         .wait_mask = 0,
         .flags = EpochBlock_Flags_epoch_start | EpochBlock_Flags_blob | EpochBlock_Flags_pure_hw,
         .epoch_num = 1,
         .last_epoch_num = 1},
        {.start_epoch_block = start_2, .wait_mask = 1, .flags = EpochBlock_Flags_hybrid, .epoch_num = 2, .last_epoch_num = 4},
        {.start_epoch_block = start_3, .end_epoch_block = end_3, .flags = EpochBlock_Flags_pure_sw, .epoch_num = 5, .last_epoch_num = 5},
        {.flags = EpochBlock_Flags_last_eb},
    };
    return items;
}
