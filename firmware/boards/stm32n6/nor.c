/* The octal NOR of the STM32N6 boards as read-only memory, in plain 1-line SPI: no calibration, no fuse. XSPI2 on port 2 (PN0 to PN6, PN8 to
 * PN11, function 9). RM0486 "XSPI", "XSPIM"; Macronix MX66UW1G45G, MX25UM51245G. firmware/flash/xspi_nor.c programs it. */
#include "boards/stm32/gpio.h"
#include "boards/stm32/reg.h"
#include "boards/stm32n6/n6.h"
#include "boards/stm32n6/registers.h"

#define PIN_COUNT 12u
#define PIN_NCLK 7u /* only memories with a differential clock */
#define PIN_DQS 0u
#define PIN_NCS 1u
#define PIN_FUNCTION 9u
#define SPI_MAX_HZ 34000000u /* well below the 50 MHz that pins reach without their fuse */

#define CR_EN (1u << 0)
#define CR_READ (1u << 28)
#define CR_MAPPED (3u << 28)
#define DCR1_MACRONIX (1u << 24)
#define DCR1_CSHT_2 (1u << 8)
#define DCR1_DEVSIZE_SHIFT 16u
#define SR_TCF (1u << 1)
#define SR_BUSY (1u << 5)
#define FLAGS 0x1Bu
#define CCR_COMMAND 1u
#define CCR_COMMAND_OCTAL (4u | 1u << 4) /* 16 bits on 8 lines */
#define CCR_COMMAND_OCTAL_DTR (CCR_COMMAND_OCTAL | 1u << 3)
#define CCR_ADDRESS_32 (1u << 8 | 3u << 12)
#define CCR_DATA (1u << 24)
#define TCR_SAMPLE_LATE (1u << 30) /* half a clock */
#define RESET_ENABLE 0x66u
#define RESET 0x99u
#define READ_ID 0x9Fu
#define FAST_READ_4B 0x0Cu
#define FAST_READ_DUMMY 8u
#define WAKE_TRIES 100u
#define WAKE_READS (REG_POLLS / 5u) /* some milliseconds; a chip that was reset while it erased is silent for 100 ms */
#define ID_KIND_BITS 0xFF00FFu /* manufacturer and capacity; the type between them differs */
#define ID_MACRONIX 0xC2u
#define ID_CAPACITY_SHIFT 16u /* 0x3A: 64 MB, 0x3B: 128 MB */
#define ID_CAPACITY_1_BYTE_LOG2 0x20u
#define ID_NOTHING 0xFFFFFFu
#define ID_SURE 8u /* another id counts when it is read so often in a row */

static void connect(void)
{
    reg_write(RCC_AHB4ENR + RCC_SET, AHB4_GPIO('N'));
    reg_write(RCC_AHB5ENR + RCC_SET, AHB5_XSPI2 | AHB5_XSPIM);
    (void)reg_read(RCC_AHB5ENR);
    reg_write(RCC_AHB5RSTR + RCC_SET, AHB5_XSPI2 | AHB5_XSPIM); /* a loader leaves it mapped, at another clock, its ports crossed */
    reg_write(RCC_AHB5RSTR + RCC_CLEAR, AHB5_XSPI2 | AHB5_XSPIM);
    reg_clear(RCC_CCIPR6, CCIPR6_XSPI2SEL);
    reg_set(PWR_SVMCR3, SVMCR3_VDDIO3SV | SVMCR3_VDDIO3VRSEL);
    for (uint32_t pin = 0; pin < PIN_COUNT; pin++) {
        if (pin != PIN_NCLK) {
            const bool idles_high = pin == PIN_NCS || pin == PIN_DQS; /* while nobody drives them */
            gpio_alternate(GPIO_PORT('N'), pin, PIN_FUNCTION, idles_high ? GPIO_PULL_UP : GPIO_PULL_NONE);
        }
    }
    reg_write(XSPIM_CR, XSPIM_CSSEL_OVR_EN);
}

static bool start_controller(uint32_t nor_log2, uint32_t hclk_hz)
{
    reg_write(XSPI_CR, 0);
    reg_write(XSPI_DCR1, DCR1_MACRONIX | DCR1_CSHT_2 | (nor_log2 - 1u) << DCR1_DEVSIZE_SHIFT);
    reg_write(XSPI_DCR3, 0);
    reg_write(XSPI_DCR4, 0);
    reg_write(XSPI_DCR2, (hclk_hz + SPI_MAX_HZ - 1u) / SPI_MAX_HZ - 1u);
    const bool settled = reg_wait(XSPI_SR, SR_BUSY, 0); /* a new prescaler makes it busy for a while */
    reg_write(XSPI_CR, CR_EN);
    return settled;
}

static bool begin(uint32_t ccr, uint32_t cr)
{
    if (!reg_wait(XSPI_SR, SR_BUSY, 0)) {
        return false;
    }
    reg_write(XSPI_FCR, FLAGS);
    reg_write(XSPI_CR, CR_EN | cr);
    reg_write(XSPI_TCR, TCR_SAMPLE_LATE);
    reg_write(XSPI_CCR, ccr);
    return true;
}

static bool command(uint32_t ccr, uint32_t instruction)
{
    if (!begin(ccr, 0)) {
        return false;
    }
    reg_write(XSPI_IR, instruction); /* starts it */
    return reg_wait(XSPI_SR, SR_TCF, SR_TCF);
}

/* In each mode that the chip may be in, since it keeps it through a reset of the microcontroller: what is no command in a mode is ignored. */
static bool reset_chip(void)
{
    const uint32_t swapped = RESET_ENABLE ^ 0xFFu; /* the second byte of an octal command is the first one inverted */
    return command(CCR_COMMAND_OCTAL_DTR, RESET_ENABLE << 8 | swapped) && command(CCR_COMMAND_OCTAL_DTR, RESET << 8 | (RESET ^ 0xFFu)) &&
           command(CCR_COMMAND_OCTAL, RESET_ENABLE << 8 | swapped) && command(CCR_COMMAND_OCTAL, RESET << 8 | (RESET ^ 0xFFu)) &&
           command(CCR_COMMAND, RESET_ENABLE) && command(CCR_COMMAND, RESET);
}

static void pause(void)
{
    for (uint32_t i = 0; i < WAKE_READS; i++) {
        (void)reg_read(XSPI_SR);
    }
}

/* Waits before each look: right after its reset a chip may answer anything. True: it said `wanted`. */
static bool has_id(uint32_t wanted)
{
    uint32_t last = ID_NOTHING;
    uint32_t times = 0;
    for (uint32_t attempt = 0; attempt < WAKE_TRIES && times < ID_SURE; attempt++) {
        pause();
        if (!begin(CCR_COMMAND | CCR_DATA, CR_READ)) {
            return false;
        }
        reg_write(XSPI_DLR, 3); /* one byte more than the id has, for a read of a whole word */
        reg_write(XSPI_IR, READ_ID);
        if (!reg_wait(XSPI_SR, SR_TCF, SR_TCF)) {
            return false;
        }
        const uint32_t id = reg_read(XSPI_DR) & ID_NOTHING;
        if ((id & ID_KIND_BITS) == wanted) {
            return true;
        }
        times = id != 0u && id != ID_NOTHING && id == last ? times + 1u : 0u;
        last = id;
    }
    return false;
}

static bool map_window(void)
{
    if (!begin(CCR_COMMAND | CCR_ADDRESS_32 | CCR_DATA, 0)) {
        return false;
    }
    reg_write(XSPI_TCR, TCR_SAMPLE_LATE | FAST_READ_DUMMY);
    reg_write(XSPI_IR, FAST_READ_4B);
    reg_write(XSPI_CR, CR_EN | CR_MAPPED);
    reg_barrier();
    return true;
}

bool n6_nor_start(uint32_t nor_bytes, uint32_t hclk_hz)
{
    uint32_t nor_log2 = 0;
    while ((2u << nor_log2) <= nor_bytes) {
        nor_log2++;
    }
    connect();
    const uint32_t wanted = ID_MACRONIX | (nor_log2 + ID_CAPACITY_1_BYTE_LOG2) << ID_CAPACITY_SHIFT;
    return start_controller(nor_log2, hclk_hz) && reset_chip() && has_id(wanted) && map_window();
}
