/* Clock tree, see clock.h. Register numbers: RM0090 chapters 3.9 (FLASH), 5.4 (PWR), 7.3 (RCC). */
#include "boards/stm32f4/clock.h"

#include <stdbool.h>

#include "boards/stm32/reg.h"

#define HSI_HZ 16000000u
#define MAX_HZ 168000000u

#define RCC_CR 0x40023800u
#define RCC_PLLCFGR 0x40023804u
#define RCC_CFGR 0x40023808u
#define RCC_APB1ENR 0x40023840u
#define PWR_CR 0x40007000u
#define FLASH_ACR 0x40023C00u

#define CR_HSION (1u << 0)
#define CR_HSIRDY (1u << 1)
#define CR_PLLON (1u << 24)
#define CR_PLLRDY (1u << 25)
/* 16 MHz / 8 = 2 MHz, the least jitter; x 168 = 336 MHz; / 2 for the core, / 7 = 48 MHz for USB; bit 22: source HSI. */
#define PLLCFGR_FIELDS 0x0F437FFFu
#define PLLCFGR_168_MHZ (8u | 168u << 6 | 0u << 16 | 7u << 24)
#define CFGR_SW 3u
#define CFGR_SW_PLL 2u
#define CFGR_SWS 0xCu
#define CFGR_SWS_PLL 8u
#define CFGR_PRESCALERS 0xFCF0u
#define CFGR_APB1_4_APB2_2 (5u << 10 | 4u << 13) /* 42 MHz and 84 MHz: their limits */
#define APB1ENR_PWR (1u << 28)
#define CR_VOS_SCALE_1 (1u << 14) /* needed above 144 MHz */
#define ACR_LATENCY 7u
#define ACR_5_WAIT_STATES 5u /* 168 MHz at 2.7 V to 3.6 V */
#define ACR_PREFETCH_AND_CACHES (7u << 8)
#define ACR_CACHE_RESETS (3u << 11) /* only while the caches are off */

struct stm32f4_clocks stm32f4_clock_hsi(void)
{
    return (struct stm32f4_clocks){.core_hz = HSI_HZ, .apb2_hz = HSI_HZ};
}

static bool start_pll(void)
{
    reg_set(RCC_CR, CR_HSION);
    if (!reg_wait(RCC_CR, CR_HSIRDY, CR_HSIRDY)) {
        return false;
    }
    reg_set(RCC_APB1ENR, APB1ENR_PWR);
    (void)reg_read(RCC_APB1ENR); /* the clock is there two cycles after the write */
    reg_set(PWR_CR, CR_VOS_SCALE_1);
    reg_clear(RCC_CR, CR_PLLON);
    if (!reg_wait(RCC_CR, CR_PLLRDY, 0)) {
        return false;
    }
    reg_update(RCC_PLLCFGR, PLLCFGR_FIELDS, PLLCFGR_168_MHZ);
    reg_set(RCC_CR, CR_PLLON);
    return reg_wait(RCC_CR, CR_PLLRDY, CR_PLLRDY);
}

static bool slow_flash_down(void)
{
    reg_write(FLASH_ACR, ACR_5_WAIT_STATES | ACR_CACHE_RESETS);
    reg_write(FLASH_ACR, ACR_5_WAIT_STATES);
    reg_write(FLASH_ACR, ACR_5_WAIT_STATES | ACR_PREFETCH_AND_CACHES);
    return reg_wait(FLASH_ACR, ACR_LATENCY, ACR_5_WAIT_STATES);
}

static bool switch_to_pll(void)
{
    reg_update(RCC_CFGR, CFGR_PRESCALERS, CFGR_APB1_4_APB2_2);
    reg_update(RCC_CFGR, CFGR_SW, CFGR_SW_PLL);
    if (reg_wait(RCC_CFGR, CFGR_SWS, CFGR_SWS_PLL)) {
        return true;
    }
    reg_clear(RCC_CFGR, CFGR_SW);
    reg_clear(RCC_CFGR, CFGR_PRESCALERS);
    return false;
}

struct stm32f4_clocks stm32f4_clock_max(void)
{
    if (start_pll() && slow_flash_down() && switch_to_pll()) {
        return (struct stm32f4_clocks){.core_hz = MAX_HZ, .apb2_hz = MAX_HZ / 2u};
    }
    reg_clear(RCC_CR, CR_PLLON);
    return stm32f4_clock_hsi();
}
