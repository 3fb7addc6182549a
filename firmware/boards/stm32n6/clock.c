/* Clock tree of the STM32N6, see n6.h. RM0486 "RCC" and "PWR"; figures as in ST's public projects: PLL1 1200 MHz for a core of 600 MHz at the
 * nominal core voltage, 800 MHz for one of 800 MHz with overdrive. */
#include <stddef.h>

#include "boards/stm32/gpio.h"
#include "boards/stm32/reg.h"
#include "boards/stm32n6/n6.h"
#include "boards/stm32n6/registers.h"

#define HSI_HPRE 1u /* 64 MHz: HCLK 32 MHz, as after a reset */
#define PLL_M(m) ((uint32_t)(m) << 20)
#define PLL_N(n) ((uint32_t)(n) << 8)
/* Outputs on, no fraction, no spread spectrum; both post-dividers. */
#define PLL_POST(p1, p2) ((uint32_t)(p1) << 27 | (uint32_t)(p2) << 24 | 0x40000005u)
#define IC(pll, divider) (((uint32_t)(pll) - 1u) << 28 | ((uint32_t)(divider) - 1u) << 16)
#define DIVEN_IC(n) (1u << ((n) - 1u))
#define DIVEN (DIVEN_IC(1) | DIVEN_IC(2) | DIVEN_IC(6) | DIVEN_IC(11))
#define PLLS 3u
#define RAMP_READS (REG_POLLS / 5u) /* at least 1 ms at 64 MHz: the converter needs 0.1 ms for 0.1 V */

struct pll {
    uint32_t cfgr1, cfgr3; /* cfgr1 0: not used */
};

struct tree {
    struct pll plls[PLLS];
    uint32_t ic1, ic2, ic6, ic11; /* core; interconnect and buses; NPU; AXISRAM3 to 6 */
    uint32_t hpre;
    bool overdrive;
    struct n6_clocks clocks;
};

static const struct tree tree_600 = {
    .plls = {{PLL_M(4) | PLL_N(75), PLL_POST(1, 1)}}, /* 1200 */
    /* 600, 400, 300, 400 */
    .ic1 = IC(1, 2),
    .ic2 = IC(1, 3),
    .ic6 = IC(1, 4),
    .ic11 = IC(1, 3),
    .hpre = 2u,
    .clocks = {600000000u, 100000000u, 300000000u, 400000000u, 1200000000u},
};

static const struct tree tree_800 = {
    .plls = {{PLL_M(2) | PLL_N(25), PLL_POST(1, 1)}, /* 800 */
             {PLL_M(8) | PLL_N(125), PLL_POST(1, 1)}, /* 1000 */
             {PLL_M(8) | PLL_N(225), PLL_POST(1, 2)}}, /* 900 */
    /* 800, 400, 1000, 900 */
    .ic1 = IC(1, 1),
    .ic2 = IC(1, 2),
    .ic6 = IC(2, 1),
    .ic11 = IC(3, 1),
    .hpre = 1u,
    .overdrive = true,
    .clocks = {800000000u, 200000000u, 1000000000u, 400000000u, 800000000u},
};

static bool select_source(uint32_t switches)
{
    reg_update(RCC_CFGR1, CFGR1_SWITCHES, switches);
    return reg_wait(RCC_CFGR1, CFGR1_SWITCHED, switches << 4);
}

void n6_clock_safe(struct n6_clocks *clocks)
{
    reg_write(RCC_CSR, RCC_HSI);
    (void)reg_wait(RCC_SR, RCC_HSI, RCC_HSI); /* what runs this code is a clock: there is none better to fall back to */
    reg_clear(RCC_HSICFGR, HSICFGR_HSIDIV);
    (void)select_source(0);
    reg_update(RCC_CFGR2, CFGR2_DIVIDERS, HSI_HPRE << CFGR2_HPRE_SHIFT);
    *clocks = (struct n6_clocks){N6_HSI_HZ, N6_HSI_HZ >> HSI_HPRE, N6_HSI_HZ, N6_HSI_HZ, 0};
}

/* The core voltage comes from a converter on the board. Its pin goes up before the device is told. */
static bool start_supply(const struct n6_board *board, bool overdrive)
{
    if (overdrive) {
        reg_write(RCC_AHB4ENR + RCC_SET, AHB4_GPIO((uint32_t)board->overdrive_port));
        (void)reg_read(RCC_AHB4ENR);
        gpio_output_high(GPIO_PORT(board->overdrive_port), board->overdrive_pin);
        for (uint32_t i = 0; i < RAMP_READS; i++) {
            (void)reg_read(RCC_SR);
        }
    }
    reg_clear(PWR_CR1, PWR_CR1_SDEN);
    if (!reg_wait(PWR_VOSCR, VOSCR_ACTVOSRDY, VOSCR_ACTVOSRDY)) {
        return false;
    }
    reg_update(PWR_VOSCR, VOSCR_VOS, overdrive ? VOSCR_VOS : 0u);
    return reg_wait(PWR_VOSCR, VOSCR_VOSRDY, VOSCR_VOSRDY);
}

static bool start_pll(uint32_t number, const struct pll *pll)
{
    const uint32_t cfgr1 = RCC_PLLCFGR1(number);
    reg_write(RCC_CCR, RCC_PLL(number));
    if (!reg_wait(RCC_SR, RCC_PLL(number), 0)) {
        return false;
    }
    reg_write(cfgr1, pll->cfgr1);
    reg_write(cfgr1 + 4u, 0);
    reg_write(cfgr1 + 8u, pll->cfgr3);
    reg_write(RCC_CSR, RCC_PLL(number));
    return reg_wait(RCC_SR, RCC_PLL(number), RCC_PLL(number));
}

static bool start_tree(const struct n6_board *board, const struct tree *tree)
{
    if (!start_supply(board, tree->overdrive)) {
        return false;
    }
    for (uint32_t i = 0; i < PLLS; i++) {
        if (tree->plls[i].cfgr1 != 0u && !start_pll(i + 1u, &tree->plls[i])) {
            return false;
        }
    }
    reg_write(RCC_ICCFGR(1), tree->ic1);
    reg_write(RCC_ICCFGR(2), tree->ic2);
    reg_write(RCC_ICCFGR(6), tree->ic6);
    reg_write(RCC_ICCFGR(11), tree->ic11);
    reg_write(RCC_DIVENR + RCC_SET, DIVEN);
    if (!reg_wait(RCC_DIVENR, DIVEN, DIVEN)) {
        return false;
    }
    reg_update(RCC_CFGR2, CFGR2_DIVIDERS, tree->hpre << CFGR2_HPRE_SHIFT); /* before the switch: the buses never run too fast */
    return select_source(CFGR1_SWITCHES);
}

bool n6_clock_start(const struct n6_board *board, uint32_t core_mhz, struct n6_clocks *clocks)
{
    const struct tree *tree = core_mhz == 800u ? &tree_800 : core_mhz == 600u ? &tree_600 : NULL;
    if (tree == NULL) {
        return core_mhz == N6_HSI_HZ / 1000000u;
    }
    if (!start_tree(board, tree)) {
        n6_clock_safe(clocks);
        reg_write(RCC_CCR, RCC_PLL(1) | RCC_PLL(2) | RCC_PLL(3));
        return false;
    }
    *clocks = tree->clocks;
    return true;
}
