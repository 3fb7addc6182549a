/* The PSRAM of the STM32N6570-DK (AP Memory APS256XX, 32 MB, 16 lines) as RAM in its window: XSPI1 on port 1 (PO0, PO2 to PO4, PP0 to PP15, function
 * 9). RM0486 "XSPI"; commands and latencies as in ST's public board support. nor.c comes first: it resets and sets the port multiplexer (XSPIM),
 * which must not be written while a controller is enabled. Fuses are read, never written. */
#include "boards/stm32/gpio.h"
#include "boards/stm32/reg.h"
#include "boards/stm32n6/n6.h"
#include "boards/stm32n6/registers.h"

#define XSPI1 0x58025000u
#define CR (XSPI1 + 0x000u)
#define DCR1 (XSPI1 + 0x008u)
#define DCR2 (XSPI1 + 0x00Cu)
#define DCR3 (XSPI1 + 0x010u)
#define DCR4 (XSPI1 + 0x014u)
#define SR (XSPI1 + 0x020u)
#define FCR (XSPI1 + 0x024u)
#define DLR (XSPI1 + 0x040u)
#define AR (XSPI1 + 0x048u)
#define DR (XSPI1 + 0x050u)
#define CCR (XSPI1 + 0x100u)
#define TCR (XSPI1 + 0x108u)
#define IR (XSPI1 + 0x110u)
#define WCCR (XSPI1 + 0x180u)
#define WTCR (XSPI1 + 0x188u)
#define WIR (XSPI1 + 0x190u)

#define AHB5_XSPI1 (1u << 5)
#define CCIPR6_XSPI1SEL 3u /* 0: HCLK */
#define SVMCR3_VDDIO2SV (1u << 8) /* the supply of port 1's pins is there ... */
#define SVMCR3_VDDIO2VRSEL (1u << 25) /* ... and is 1.8 V */
#define SYSCFG_VDDIO2CCCR 0x56008054u
#define CCCR_EN (1u << 8)
#define FUSE_WORD_124 0x560091F0u /* shadow; 0 where it was not loaded, which is the safe reading */
#define FUSE_VDDIO2_HSLV (1u << 16)
#define SLOW_MAX_HZ 50000000u /* what pins reach without their fuse */
#define FAST_MAX_HZ 200000000u

#define CR_EN (1u << 0)
#define CR_ABORT (1u << 1)
#define CR_FTHRES_8 (7u << 8)
#define CR_READ (1u << 28)
#define CR_MAPPED (3u << 28)
#define DCR1_CHIP 0x06180400u /* APmem with 16 lines, 32 MB, deselected for 5 clocks */
#define DCR3_BOUNDARY_2K (11u << 16) /* a row */
#define SELECTED_MAX_US 2u /* the chip refreshes itself while it is deselected */
#define REFRESH_CLOCKS 4u /* that end a transfer */
#define SR_TCF (1u << 1)
#define SR_BUSY (1u << 5)
#define FLAGS 0x1Bu
#define TCR_DHQC (1u << 28) /* data are held a quarter clock, for both edges */
#define CCR_RESET 0x00002404u /* 8 lines, single rate: command, 24 bits of address */
#define CCR_REGISTER 0x0C003C04u /* 8 lines: command; address of 32 bits and data at both edges */
#define CCR_DQS (1u << 29)
#define CCR_ARRAY 0x2D003C04u /* data on 16 lines, with strobe */
#define RESET 0xFFu
#define READ_REGISTER 0x40u
#define WRITE_REGISTER 0xC0u
#define READ_LINEAR 0x20u
#define WRITE_LINEAR 0xA0u
#define DUMMY 6u /* of latency 7, which both registers below ask for */
#define MR0 0x30u /* fixed latency 7, drive 25 Ohm */
#define MR4 0x20u /* write latency 7, refresh at the fast rate, all of the array */
#define MR8 0x40u /* 16 lines, no crossing of rows */
#define RESET_PAUSES 200u /* at least 1 ms, what the chip wants after a reset: each spins for 5 us or more at 800 MHz */
#define SPINS (REG_POLLS / 100u)
#define ENDED_POLLS (REG_POLLS / 50u) /* a command takes less than 1 us, a look longer than 10 ns */
#define ID_VENDOR 0x0Du
#define ID_DENSITY_256_MBIT 7u
#define ID_GOOD_DIE 6u

static void connect(void)
{
    reg_write(RCC_AHB4ENR + RCC_SET, AHB4_GPIO('O') | AHB4_GPIO('P'));
    reg_write(RCC_AHB5ENR + RCC_SET, AHB5_XSPI1 | AHB5_XSPIM);
    (void)reg_read(RCC_AHB5ENR);
    reg_write(RCC_AHB5RSTR + RCC_SET, AHB5_XSPI1); /* a program before may have left it mapped */
    reg_write(RCC_AHB5RSTR + RCC_CLEAR, AHB5_XSPI1);
    reg_clear(RCC_CCIPR6, CCIPR6_XSPI1SEL);
    reg_set(PWR_SVMCR3, SVMCR3_VDDIO2SV | SVMCR3_VDDIO2VRSEL);
    reg_set(SYSCFG_VDDIO2CCCR, CCCR_EN);
    for (uint32_t pin = 0; pin < 16u; pin++) {
        gpio_alternate(GPIO_PORT('P'), pin, 9, GPIO_PULL_UP);
    }
    gpio_alternate(GPIO_PORT('O'), 0, 9, GPIO_PULL_UP);
    for (uint32_t pin = 2; pin <= 4u; pin++) {
        gpio_alternate(GPIO_PORT('O'), pin, 9, GPIO_PULL_UP);
    }
}

/* A new prescaler calibrates the controller: it is written last, and waited for. */
static bool start_controller(uint32_t divider, uint32_t hz)
{
    reg_write(CR, 0);
    reg_write(DCR1, DCR1_CHIP);
    reg_write(DCR3, DCR3_BOUNDARY_2K);
    reg_write(DCR4, SELECTED_MAX_US * (hz / 1000000u) - REFRESH_CLOCKS);
    reg_write(DCR2, divider - 1u);
    const bool settled = reg_wait(SR, SR_BUSY, 0);
    reg_write(CR, CR_EN | CR_FTHRES_8);
    return settled;
}

static bool begin(uint32_t ccr, uint32_t tcr, uint32_t cr)
{
    if (!reg_wait(SR, SR_BUSY, 0)) {
        return false;
    }
    reg_write(FCR, FLAGS);
    reg_write(CR, CR_EN | CR_FTHRES_8 | cr);
    reg_write(TCR, TCR_DHQC | tcr);
    reg_write(CCR, ccr);
    return true;
}

/* A chip that is not there gives no strobe, and a read without one never ends. */
static bool has_ended(void)
{
    for (uint32_t poll = 0; poll < ENDED_POLLS; poll++) {
        if ((reg_read(SR) & SR_TCF) != 0u) {
            return true;
        }
    }
    return false;
}

static bool reset_chip(void)
{
    if (!begin(CCR_RESET, 0, 0)) {
        return false;
    }
    reg_write(IR, RESET);
    reg_write(AR, 0); /* starts it */
    if (!has_ended()) {
        return false;
    }
    for (uint32_t i = 0; i < RESET_PAUSES; i++) {
        (void)reg_read(SR);
        for (volatile uint32_t spin = 0; spin < SPINS; spin++) {
        }
    }
    return true;
}

static bool read_register(uint32_t address, uint32_t *value)
{
    if (!begin(CCR_REGISTER | CCR_DQS, DUMMY, CR_READ)) {
        return false;
    }
    reg_write(DLR, 1);
    reg_write(IR, READ_REGISTER);
    reg_write(AR, address);
    if (!has_ended()) {
        return false;
    }
    *value = reg_read8(DR);
    (void)reg_read8(DR); /* of the register behind: both edges carry data */
    return true;
}

/* `second`: both edges carry data; the chip takes the first byte. */
static bool write_register(uint32_t address, uint32_t value, uint32_t second)
{
    if (!begin(CCR_REGISTER, 0, 0)) {
        return false;
    }
    reg_write(DLR, 1);
    reg_write(IR, WRITE_REGISTER);
    reg_write(AR, address);
    reg_write8(DR, value);
    reg_write8(DR, second);
    return has_ended();
}

static bool register_is(uint32_t address, uint32_t mask, uint32_t wanted)
{
    uint32_t value = 0;
    return read_register(address, &value) && (value & mask) == wanted;
}

/* Configured while slow, ids and settings read back. The second bytes are those of Zephyr's driver. */
static bool configure(void)
{
    return reset_chip() && write_register(0, MR0, 0x8Du) && write_register(4, MR4, 0x05u) && write_register(8, MR8, 0x08u) &&
           register_is(1, 0x1Fu, ID_VENDOR) && register_is(2, 0xE7u, ID_GOOD_DIE << 5 | ID_DENSITY_256_MBIT) &&
           register_is(0, 0x3Fu, MR0) && register_is(4, 0xFFu, MR4) && register_is(8, 0x4Fu, MR8);
}

static bool map_window(void)
{
    if (!begin(CCR_ARRAY, DUMMY, 0)) {
        return false;
    }
    reg_write(IR, READ_LINEAR);
    reg_write(WCCR, CCR_ARRAY);
    reg_write(WTCR, DUMMY);
    reg_write(WIR, WRITE_LINEAR);
    reg_write(CR, CR_EN | CR_FTHRES_8 | CR_MAPPED);
    reg_barrier();
    return true;
}

static uint32_t pattern(uint32_t at, bool inverted)
{
    const uint32_t word = ((at >> 2) + 1u) * 2654435761u; /* another one everywhere */
    return inverted ? ~word : word;
}

/* A word at every address line tells lines that are stuck or crossed, its inverse does so for the data; then a byte alone, which the strobes mask. */
static bool holds_patterns(void)
{
    for (uint32_t turn = 0; turn < 2u; turn++) {
        for (uint32_t at = 2; at < N6_PSRAM_CHIP_BYTES; at *= 2u) { /* 2: for the word at 0 */
            reg_write(N6_PSRAM_WINDOW + (at & ~3u), pattern(at & ~3u, turn != 0u));
        }
        reg_barrier();
        for (uint32_t at = 2; at < N6_PSRAM_CHIP_BYTES; at *= 2u) {
            if (reg_read(N6_PSRAM_WINDOW + (at & ~3u)) != pattern(at & ~3u, turn != 0u)) {
                return false;
            }
        }
    }
    reg_write8(N6_PSRAM_WINDOW + 5u, 0x5Au);
    reg_barrier();
    return reg_read(N6_PSRAM_WINDOW + 4u) == ((pattern(4, true) & 0xFFFF00FFu) | 0x5A00u);
}

/* What it runs at; 0: it does not. */
static uint32_t start_at(uint32_t max_hz, uint32_t hclk_hz)
{
    const uint32_t slow = (hclk_hz + SLOW_MAX_HZ - 1u) / SLOW_MAX_HZ;
    const uint32_t divider = (hclk_hz + max_hz - 1u) / max_hz;
    connect();
    const bool good = start_controller(slow, hclk_hz / slow) && configure() && start_controller(divider, hclk_hz / divider) &&
                      map_window() && holds_patterns();
    return good ? hclk_hz / divider : 0u;
}

uint32_t n6_psram_start(uint32_t hclk_hz)
{
    const bool is_fast = (reg_read(FUSE_WORD_124) & FUSE_VDDIO2_HSLV) != 0u;
    uint32_t hz = is_fast ? start_at(FAST_MAX_HZ, hclk_hz) : 0u;
    if (hz == 0u) {
        hz = start_at(SLOW_MAX_HZ, hclk_hz);
    }
    if (hz == 0u) {
        reg_write(RCC_AHB5RSTR + RCC_SET, AHB5_XSPI1); /* stays in reset: nothing is to wait for an answer there */
    }
    return hz;
}
