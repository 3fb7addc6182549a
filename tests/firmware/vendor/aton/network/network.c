/* Stand-in of a generated network.c (Neural-ART) of 2.1, which names it Default. There is no network.h. The first epoch is a blob of the epoch
 * controller (network_ecblobs.h).
 *
 * GIT_BRANCH      "STAI-2.1"
 * --enable-epoch-controller = true
 */
#include "ll_aton_version.h"
#if LL_ATON_VERSION_MAJOR != 1 || LL_ATON_VERSION_MINOR != 1 || LL_ATON_VERSION_MICRO != 0 || LL_ATON_VERSION_DEV != 31
#warning "Possible mismatch in ll_aton library used"
#endif

/* global pool 8 is 256 B */
/* index=8 file postfix=xSPI2 name=octoFlash offset=0x71380000  absolute_mode size=63963128 READ_ONLY THROUGHPUT=MID LATENCY=HIGH byte width=1 freq ratio=6 */
/* global pool 1 is 14.06 KB */
/* index=1 file postfix=AXISRAM5 name=npuRAM5 offset=0x342e0000  absolute_mode size=458752 READ_WRITE THROUGHPUT=HIGH LATENCY=LOW byte width=8 freq ratio=1.25 */
/* global pool 7 is ? */
/* index=7 file postfix=xSPI1 name=hyperRAM offset=0x90000000  absolute_mode size=16777208 READ_WRITE THROUGHPUT=MID LATENCY=HIGH byte width=2 freq ratio=5 */
#define STANDIN_NAME Default
#define STANDIN_TABLE_ADDRESS 0x71380000u
#include "../../standin_npu_network.h"
#include "network_ecblobs.h"

const EpochBlock_ItemTypeDef *LL_ATON_EpochBlockItems_Default(void)
{
    static const EpochBlock_ItemTypeDef items[] = {
        {.blob_address = (uintptr_t)_ec_blob_1,
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
