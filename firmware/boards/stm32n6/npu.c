/* The NPU of the STM32N657: clocked, reset, and allowed to read and write secure memory as the core does; its cache (CACHEAXI) on, by which it reaches
 * memory. RM0486, RCC, RIFSC, CACHEAXI; values and order are those of ST's public STM32N6 projects. */
#include <stdbool.h>

#include "boards/stm32/reg.h"
#include "boards/stm32n6/registers.h"
#include "pose/vendor.h"

#define RCC_AHB3ENR (RCC + 0x258u)
#define RCC_MEMLPENR (RCC + 0x28Cu) /* clocks that stay while the core waits for the NPU */
#define RCC_AHB5LPENR (RCC + 0x2A0u)
#define AHB3_RIFSC (1u << 9)
#define AHB5_XSPI1 (1u << 5)
#define AHB5_CACHEAXI (1u << 30)
#define AHB5_NPU (1u << 31)
#define RIFSC 0x54024000u
#define RIFSC_SECCFGR3 (RIFSC + 0x1Cu)
#define RIFSC_PRIVCFGR3 (RIFSC + 0x3Cu)
#define RIFSC_NPU (1u << 10)
#define RIMC_ATTR_NPU (RIFSC + 0xC14u)
#define RIMC_CID1_SECURE_PRIVILEGED 0x310u

#define CACHEAXI 0x580DFC00u
#define CACHE_CR1 (CACHEAXI + 0x000u)
#define CACHE_SR (CACHEAXI + 0x004u)
#define CACHE_FCR (CACHEAXI + 0x00Cu)
#define CACHE_CR2 (CACHEAXI + 0x100u)
#define CACHE_FIRST (CACHEAXI + 0x104u)
#define CACHE_LAST (CACHEAXI + 0x108u)
#define CR1_EN (1u << 0)
#define CR1_INVALIDATE (1u << 1)
#define SR_BUSY (1u << 0)
#define SR_BUSY_COMMAND (1u << 3)
#define SR_COMMAND_END (1u << 4)
#define FCR_ENDS 0x12u /* of an invalidation, of a command */
#define CR2_START (1u << 0)
#define CR2_CLEAN (1u << 1)
#define CR2_CLEAN_INVALIDATE (3u << 1)

static bool idle(void)
{
    return reg_wait(CACHE_SR, SR_BUSY | SR_BUSY_COMMAND, 0);
}

/* A reset makes the cache invalidate itself: it takes no other word before that is done. Left off where it does not end: the NPU works without. */
static void start_cache(void)
{
    reg_write(RCC_MEMENR + RCC_SET, MEM_CACHEAXIRAM); /* the cache's own RAM: a reset of the cache without it may not end */
    (void)reg_read(RCC_MEMENR);
    reg_write(RCC_AHB5ENR + RCC_SET, AHB5_CACHEAXI);
    (void)reg_read(RCC_AHB5ENR);
    reg_write(RCC_AHB5RSTR + RCC_SET, AHB5_CACHEAXI);
    reg_write(RCC_AHB5RSTR + RCC_CLEAR, AHB5_CACHEAXI);
    if (idle()) {
        reg_set(CACHE_CR1, CR1_EN);
    }
}

static void start_npu(void)
{
    reg_write(RCC_AHB5ENR + RCC_SET, AHB5_NPU);
    (void)reg_read(RCC_AHB5ENR);
    reg_write(RCC_AHB5RSTR + RCC_SET, AHB5_NPU);
    reg_write(RCC_AHB5RSTR + RCC_CLEAR, AHB5_NPU);
}

void pose_board_npu_start(void)
{
    start_npu();
    start_cache();
    reg_write(RCC_MEMLPENR + RCC_SET, MEM_AXISRAM | MEM_CACHEAXIRAM);
    reg_write(RCC_AHB5LPENR + RCC_SET, AHB5_XSPI1 | AHB5_XSPI2 | AHB5_XSPIM | AHB5_CACHEAXI | AHB5_NPU);
    reg_write(RCC_AHB3ENR + RCC_SET, AHB3_RIFSC);
    (void)reg_read(RCC_AHB3ENR);
    reg_write(RIMC_ATTR_NPU, RIMC_CID1_SECURE_PRIVILEGED);
    reg_set(RIFSC_SECCFGR3, RIFSC_NPU);
    reg_set(RIFSC_PRIVCFGR3, RIFSC_NPU);
    reg_barrier();
}

/* Ready for a command, with the end flags of the last one cleared. A cache that is off holds nothing. */
static bool ready(void)
{
    if ((reg_read(CACHE_CR1) & CR1_EN) == 0u || !idle()) {
        return false;
    }
    reg_write(CACHE_FCR, FCR_ENDS);
    return true;
}

void npu_cache_invalidate(void)
{
    if (ready()) {
        reg_write(CACHE_CR2, 0);
        reg_set(CACHE_CR1, CR1_INVALIDATE);
        (void)idle();
    }
}

/* `end` is behind the last byte, as ST's runtime gives it. */
static void command(uint32_t what, uint32_t start, uint32_t end)
{
    if (end > start && ready()) {
        reg_write(CACHE_FIRST, start);
        reg_write(CACHE_LAST, end - 1u);
        reg_write(CACHE_CR2, what);
        reg_write(CACHE_CR2, what | CR2_START);
        (void)reg_wait(CACHE_SR, SR_COMMAND_END, SR_COMMAND_END);
    }
}

void npu_cache_clean_range(uint32_t start, uint32_t end)
{
    command(CR2_CLEAN, start, end);
}

void npu_cache_clean_invalidate_range(uint32_t start, uint32_t end)
{
    command(CR2_CLEAN_INVALIDATE, start, end);
}
