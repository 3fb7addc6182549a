/* Clock tree of the STM32H7R and H7S, see h7rs.h. RM0477 "PWR", "RCC"; figures as in ST's public projects: 64 MHz / 32 * 300 = 600 MHz for the core at VOS0
 * from the SMPS alone, half of it for the buses; 64 MHz / 4 * 25 / 2 = 200 MHz for the NOR's controller. */
#include "boards/stm32/reg.h"
#include "boards/stm32h7rs/h7rs.h"
#include "boards/stm32h7rs/registers.h"

#define CORE_HZ 600000000u
#define NOR_HZ 200000000u
#define PLL1_DIVIDERS (299u) /* N 300, P 1 */
#define PLL2_DIVIDERS (24u | 1u << 9 | 1u << 16 | 1u << 24) /* N 25; P, Q and R 2, which are off */
#define PLL2_S_2 (1u | 1u << 8) /* and T 2, off */
#define LATENCY_600_MHZ 7u

static const struct h7rs_clocks on_oscillator = {H7RS_HSI_HZ, H7RS_HSI_HZ, 0};

static void select_oscillator(void)
{
    reg_set(RCC_CR, CR_HSION);
    (void)reg_wait(RCC_CR, CR_HSIRDY, CR_HSIRDY); /* what runs this code is a clock: there is none better to fall back to */
    reg_clear(RCC_CFGR, CFGR_SW);
    (void)reg_wait(RCC_CFGR, CFGR_SW << CFGR_SWS_SHIFT, 0);
    reg_clear(RCC_CR, CR_PLLON(1) | CR_PLLON(2));
    (void)reg_wait(RCC_CR, CR_PLLRDY(1) | CR_PLLRDY(2), 0);
    reg_clear(RCC_CR, CR_HSIDIV); /* ignored while a PLL runs from it */
    (void)reg_wait(RCC_CR, CR_HSIDIVF, CR_HSIDIVF);
    reg_clear(RCC_CDCFGR, CDCFGR_CPRE);
    reg_clear(RCC_BMCFGR, BMCFGR_BMPRE);
    reg_clear(RCC_APBCFGR, APBCFGR_FIELDS);
}

/* The supply is decided once after power-on, and must be before the voltage changes. A board on which somebody decided otherwise stays as it is. */
static bool decide_supply(void)
{
    const uint32_t decided = reg_read(PWR_CSR2) & CSR2_SUPPLY;
    if (decided == CSR2_SUPPLY_UNDECIDED) {
        reg_update(PWR_CSR2, CSR2_SUPPLY, CSR2_SUPPLY_SMPS);
    } else if (decided != CSR2_SUPPLY_SMPS) {
        return false;
    }
    return reg_wait(PWR_SR1, SR1_ACTVOSRDY, SR1_ACTVOSRDY);
}

static bool raise_voltage(void)
{
    reg_set(PWR_CSR4, CSR4_VOS);
    return reg_wait(PWR_CSR4, CSR4_VOSRDY, CSR4_VOSRDY);
}

static bool start_plls(void)
{
    reg_update(RCC_PLLCKSELR, PLLCKSELR_FIELDS, PLLCKSELR_M(32, 4));
    reg_update(RCC_PLLCFGR, PLLCFGR_FIELDS, PLLCFGR_1_FROM_2_MHZ | PLLCFGR_1_P | PLLCFGR_2_FROM_16_MHZ | PLLCFGR_2_S);
    reg_write(RCC_PLL1DIVR1, PLL1_DIVIDERS);
    reg_write(RCC_PLL2DIVR1, PLL2_DIVIDERS);
    reg_write(RCC_PLL2DIVR2, PLL2_S_2);
    reg_set(RCC_CR, CR_PLLON(1) | CR_PLLON(2));
    return reg_wait(RCC_CR, CR_PLLRDY(1) | CR_PLLRDY(2), CR_PLLRDY(1) | CR_PLLRDY(2));
}

/* Dividers and wait states first: nothing ever runs too fast. */
static bool switch_to_pll(void)
{
    reg_update(RCC_BMCFGR, BMCFGR_BMPRE, BMCFGR_HCLK_2);
    reg_update(RCC_APBCFGR, APBCFGR_FIELDS, APBCFGR_ALL_2);
    reg_update(FLASH_ACR, ACR_LATENCY, LATENCY_600_MHZ);
    if (!reg_wait(FLASH_ACR, ACR_LATENCY, LATENCY_600_MHZ)) {
        return false;
    }
    reg_update(RCC_CFGR, CFGR_SW, CFGR_SW_PLL1);
    return reg_wait(RCC_CFGR, CFGR_SW << CFGR_SWS_SHIFT, CFGR_SW_PLL1 << CFGR_SWS_SHIFT);
}

struct h7rs_clocks h7rs_clock_hsi(void)
{
    select_oscillator();
    return on_oscillator;
}

struct h7rs_clocks h7rs_clock_max(void)
{
    select_oscillator();
    if (decide_supply() && raise_voltage() && start_plls() && switch_to_pll()) {
        return (struct h7rs_clocks){CORE_HZ, CORE_HZ / 2u, NOR_HZ};
    }
    select_oscillator();
    return on_oscillator;
}
