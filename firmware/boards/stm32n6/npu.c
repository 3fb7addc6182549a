/* The NPU of the STM32N657: clocked, reset, and allowed to read and write secure memory as the core does (RM0486, RCC, RIFSC; the values are those
 * of ST's public STM32N6 projects). Its cache (CACHEAXI) has a clock, because the NPU reaches memory through it, and stays off. */
#include "boards/stm32/reg.h"
#include "boards/stm32n6/registers.h"
#include "pose/vendor.h"

#define RCC_AHB3ENR (RCC + 0x258u)
#define AHB3_RIFSC (1u << 9)
#define AHB5_CACHEAXI (1u << 30)
#define AHB5_NPU (1u << 31)
#define RIFSC 0x54024000u
#define RIFSC_SECCFGR3 (RIFSC + 0x1Cu)
#define RIFSC_PRIVCFGR3 (RIFSC + 0x3Cu)
#define RIFSC_NPU (1u << 10)
#define RIMC_ATTR_NPU (RIFSC + 0xC14u)
#define RIMC_CID1_SECURE_PRIVILEGED 0x310u

void pose_board_npu_start(void)
{
    reg_write(RCC_MEMENR + RCC_SET, MEM_CACHEAXIRAM); /* the cache's own RAM: a reset of the cache without it may not end */
    (void)reg_read(RCC_MEMENR);
    reg_write(RCC_AHB5ENR + RCC_SET, AHB5_NPU | AHB5_CACHEAXI);
    (void)reg_read(RCC_AHB5ENR);
    reg_write(RCC_AHB5RSTR + RCC_SET, AHB5_NPU | AHB5_CACHEAXI);
    reg_write(RCC_AHB5RSTR + RCC_CLEAR, AHB5_NPU | AHB5_CACHEAXI);
    reg_write(RCC_AHB3ENR + RCC_SET, AHB3_RIFSC);
    (void)reg_read(RCC_AHB3ENR);
    reg_write(RIMC_ATTR_NPU, RIMC_CID1_SECURE_PRIVILEGED);
    reg_set(RIFSC_SECCFGR3, RIFSC_NPU);
    reg_set(RIFSC_PRIVCFGR3, RIFSC_NPU);
    reg_barrier();
}
