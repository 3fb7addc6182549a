/* Clock tree of the STM32H743 and H747, see h7.h. RM0433, RM0399: "PWR", "RCC", "FLASH read access latency"; ES0392. The same figures as in
 * ST's and Zephyr's board files. */
#include "boards/stm32/reg.h"
#include "boards/stm32h7/h7.h"
#include "boards/stm32h7/registers.h"

static void select_oscillator(void)
{
    reg_set(RCC_CR, CR_HSION);
    (void)reg_wait(RCC_CR, CR_HSIRDY, CR_HSIRDY); /* what runs this code is a clock: there is none better to fall back to */
    reg_clear(RCC_CFGR, CFGR_SW);
    (void)reg_wait(RCC_CFGR, CFGR_SW << CFGR_SWS_SHIFT, 0);
    reg_clear(RCC_CR, CR_PLL1ON);
    (void)reg_wait(RCC_CR, CR_PLL1RDY, 0);
    reg_clear(RCC_CR, CR_HSIDIV); /* ignored while a PLL runs from it */
    (void)reg_wait(RCC_CR, CR_HSIDIVF, CR_HSIDIVF);
}

/* The supply is decided once after power-on, and must be before the voltage changes. A board on which somebody decided otherwise stays as it is. */
static bool decide_supply(uint32_t supply)
{
    const uint32_t decided = reg_read(PWR_CR3) & CR3_SUPPLY;
    if (decided == CR3_SUPPLY_UNDECIDED) {
        reg_update(PWR_CR3, CR3_SUPPLY, supply);
    } else if (decided != supply) {
        return false;
    }
    return reg_wait(PWR_CSR1, CSR1_ACTVOSRDY, CSR1_ACTVOSRDY);
}

static bool raise_voltage(bool overdrive)
{
    reg_update(PWR_D3CR, D3CR_VOS, D3CR_VOS1);
    if (!reg_wait(PWR_D3CR, D3CR_VOSRDY, D3CR_VOSRDY)) {
        return false;
    }
    if (!overdrive) {
        return true;
    }
    reg_set(RCC_APB4ENR, APB4_SYSCFG);
    (void)reg_read(RCC_APB4ENR); /* the clock is there some cycles after the write */
    reg_set(SYSCFG_PWRCR, PWRCR_ODEN);
    return reg_wait(PWR_D3CR, D3CR_VOSRDY, D3CR_VOSRDY);
}

static bool start_pll(const struct h7_clock_tree *tree)
{
    if (tree->hse_bypass) {
        reg_set(RCC_CR, CR_HSEBYP); /* only while HSEON is 0 */
    }
    reg_set(RCC_CR, CR_HSEON);
    if (!reg_wait(RCC_CR, CR_HSERDY, CR_HSERDY)) {
        return false;
    }
    reg_update(RCC_PLLCKSELR, PLLCKSELR_FIELDS, tree->m << PLLCKSELR_DIVM1_SHIFT | PLLCKSELR_HSE);
    reg_update(RCC_PLLCFGR, PLLCFGR_FIELDS, PLLCFGR_P_4_TO_8_MHZ_WIDE);
    reg_write(RCC_PLL1DIVR, PLL1DIVR_N(tree->n) | PLL1DIVR_P_2);
    reg_set(RCC_CR, CR_PLL1ON);
    return reg_wait(RCC_CR, CR_PLL1RDY, CR_PLL1RDY);
}

/* Dividers and wait states first: nothing ever runs too fast. */
static bool switch_to_pll(uint32_t latency)
{
    const uint32_t access = ACR_WRHIGHFREQ_2 | latency;
    reg_update(RCC_D1CFGR, D1CFGR_FIELDS, D1CFGR_HCLK_2_APB3_2);
    reg_update(RCC_D2CFGR, D2CFGR_FIELDS, D2CFGR_APB1_2_APB2_2);
    reg_update(RCC_D3CFGR, D3CFGR_FIELDS, D3CFGR_APB4_2);
    reg_update(FLASH_ACR, ACR_FIELDS, access);
    if (!reg_wait(FLASH_ACR, ACR_FIELDS, access)) {
        return false;
    }
    reg_update(RCC_CFGR, CFGR_SW, CFGR_SW_PLL1);
    return reg_wait(RCC_CFGR, CFGR_SW << CFGR_SWS_SHIFT, CFGR_SW_PLL1 << CFGR_SWS_SHIFT);
}

uint32_t h7_clock_hsi(const struct h7_clock_tree *tree)
{
    (void)tree;
    select_oscillator();
    return H7_HSI_HZ;
}

uint32_t h7_clock_max(const struct h7_clock_tree *tree)
{
    const bool fast_enough = !tree->overdrive || reg_read(DBGMCU_IDCODE) >> IDCODE_REVISION_SHIFT >= REVISION_480_MHZ;
    select_oscillator();
    if (fast_enough && decide_supply(tree->supply) && raise_voltage(tree->overdrive) && start_pll(tree) && switch_to_pll(tree->latency)) {
        return tree->core_hz;
    }
    select_oscillator();
    reg_clear(RCC_CR, CR_HSEON);
    reg_clear(RCC_D1CFGR, D1CFGR_FIELDS);
    reg_clear(RCC_D2CFGR, D2CFGR_FIELDS);
    reg_clear(RCC_D3CFGR, D3CFGR_FIELDS);
    return H7_HSI_HZ;
}
