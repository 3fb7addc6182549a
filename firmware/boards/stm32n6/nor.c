/* The octal NOR of the STM32N6 boards as read-only memory: which clock it gets, and what has been reached (octal_nor.c has the sequences). The pins reach
 * 50 MHz, or 200 MHz on a device whose fuse VDDIO3_HSLV is set. Fuses are read, never written. */
#include "boards/stm32/octal_nor.h"
#include "boards/stm32/reg.h"
#include "boards/stm32n6/n6.h"
#include "boards/stm32n6/registers.h"

#define FAST_HZ 200000000u
#define IC3_PLL1(divider) (((divider) - 1u) << 16)
#define DIVEN_IC3 (1u << 2)

static struct octal_nor nor;
static struct n6_nor reached;
static char mode_text[OCTAL_NOR_WORDS_BYTES];

const struct n6_nor *n6_nor(void)
{
    return &reached;
}

const char *n6_nor_mode(void)
{
    return mode_text;
}

void n6_nor_stop(void)
{
    octal_nor_stop();
}

/* XSPI2's clock: a part of PLL1's, else the bus clock, which octal_nor_start() divides where it is above the limit. */
static uint32_t choose_clock(const struct n6_clocks *clocks, uint32_t limit_hz)
{
    if (clocks->pll1_hz == 0u) {
        return clocks->hclk_hz;
    }
    const uint32_t divider = (clocks->pll1_hz + limit_hz - 1u) / limit_hz;
    reg_write(RCC_ICCFGR(3), IC3_PLL1(divider));
    reg_write(RCC_DIVENR + RCC_SET, DIVEN_IC3);
    if (!reg_wait(RCC_DIVENR, DIVEN_IC3, DIVEN_IC3)) {
        return clocks->hclk_hz;
    }
    reg_update(RCC_CCIPR6, CCIPR6_XSPI2SEL, CCIPR6_XSPI2_IC3);
    return clocks->pll1_hz / divider;
}

static void tell(void)
{
    reached = (struct n6_nor){.hz = nor.hz, .lines = nor.mode == OCTAL_NOR_SPI ? 1 : 8, .double_rate = nor.mode == OCTAL_NOR_DTR};
    octal_nor_words(&nor, mode_text);
}

bool n6_nor_start(uint32_t nor_bytes, const struct n6_clocks *clocks)
{
    reached = (struct n6_nor){0};
    mode_text[0] = '\0';
    octal_nor_connect();
    reg_set(SYSCFG_VDDIO3CCCR, VDDIO3CCCR_EN);
    const bool is_fast = (reg_read(FUSES_124) & FUSES_124_VDDIO3_HSLV) != 0u;
    const uint32_t limit_hz = is_fast ? FAST_HZ : OCTAL_NOR_SLOW_HZ;
    nor.kernel_hz = choose_clock(clocks, limit_hz);
    if (octal_nor_start(&nor, limit_hz) != OCTAL_NOR_OK || octal_nor_bytes(nor.id) != nor_bytes || octal_nor_map(&nor) != OCTAL_NOR_OK) {
        return false;
    }
    tell();
    return true;
}

void n6_nor_leave(void)
{
    if (reached.hz != 0u) {
        (void)octal_nor_leave(&nor);
    }
}
