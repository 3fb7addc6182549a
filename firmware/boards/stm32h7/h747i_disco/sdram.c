/* The SDRAM of the STM32H747I-DISCO: an IS42S32800J, 32 MB, on bank 2 of the FMC, with half the AHB's clock. RM0399 "FMC", "SDRAM controller"; ISSI
 * IS42S32800J; wiring and timing: UM2411, and what ST's board support says for 100 MHz, which is longer than needed at less. */
#include "boards/stm32/gpio.h"
#include "boards/stm32/reg.h"
#include "boards/stm32h7/h747i_disco/external.h"
#include "boards/stm32h7/registers.h"

#define FUNCTION 12u
/* SDCLK and read bursts are bank 1's fields for both banks, so are TRC 7 and TRP 2 clocks. */
#define SDCR1_HALF_CLOCK_BURST 0x00001800u
#define SDTR1_TRC_TRP 0x00106000u
#define SDCR2_9_COLUMNS_12_ROWS_32_BITS_4_BANKS_CAS_3 0x000001E5u
#define SDTR2_TMRD_TXSR_TRAS_TWR_TRCD 0x01010361u /* 2, 7, 4, 2 and 2 clocks */
#define BANK_2 (1u << 3)
#define CLOCK_ENABLE (BANK_2 | 1u)
#define PRECHARGE_ALL (BANK_2 | 2u)
#define REFRESH_8_TIMES (BANK_2 | 3u | 7u << 5)
#define LOAD_MODE (BANK_2 | 4u | 0x230u << 9) /* single words, CAS 3 */
#define SDSR_BUSY (1u << 5) /* always 0 on devices without it: a command then waits for the one before */
#define SDRTR_COUNT_SHIFT 1u
/* A row is refreshed at least every 15.6 us; the controller wants 20 clocks less. */
#define REFRESH_NS 15590u
#define REFRESH_MARGIN 20u
#define POWER_UP_READS (REG_POLLS / 10u) /* 0.1 ms at least: a read takes more than 10 ns */
#define PATTERN 0xA5C33C5Au

static const struct {
    char port;
    uint16_t pins;
} wires[] = {
    {'D', 1u << 0 | 1u << 1 | 7u << 8 | 3u << 14}, {'E', 3u << 0 | 0x1FFu << 7}, {'F', 0x3Fu << 0 | 0x1Fu << 11},
    {'G', 7u << 0 | 3u << 4 | 1u << 8 | 1u << 15}, {'H', 0x7FFu << 5},           {'I', 0xFFu << 0 | 3u << 9},
};
static char said[H747_MODE_BYTES];
static bool works;

static void connect(void)
{
    for (uint32_t i = 0; i < sizeof wires / sizeof wires[0]; i++) {
        reg_set(RCC_AHB4ENR, AHB4_GPIO(wires[i].port));
    }
    reg_set(RCC_AHB3ENR, AHB3_FMC);
    (void)reg_read(RCC_AHB3ENR);
    reg_set(RCC_AHB3RSTR, AHB3_FMC);
    reg_clear(RCC_AHB3RSTR, AHB3_FMC);
    reg_clear(RCC_D1CCIPR, D1CCIPR_FMCSEL);
    for (uint32_t i = 0; i < sizeof wires / sizeof wires[0]; i++) {
        for (uint32_t pin = 0; pin < 16u; pin++) {
            if ((wires[i].pins >> pin & 1u) != 0u) {
                gpio_alternate(GPIO_PORT(wires[i].port), pin, FUNCTION, GPIO_PULL_UP);
            }
        }
    }
}

static bool command(uint32_t value)
{
    reg_write(FMC_SDCMR, value);
    return reg_wait(FMC_SDSR, SDSR_BUSY, 0);
}

static void wait_power_up(void)
{
    for (uint32_t i = 0; i < POWER_UP_READS; i++) {
        (void)reg_read(FMC_SDSR);
    }
}

static bool start_controller(uint32_t bus_hz)
{
    const uint32_t refresh = bus_hz / 2000u * REFRESH_NS / 1000000u - REFRESH_MARGIN;
    reg_write(FMC_SDCR1, SDCR1_HALF_CLOCK_BURST);
    reg_write(FMC_SDCR2, SDCR2_9_COLUMNS_12_ROWS_32_BITS_4_BANKS_CAS_3);
    reg_write(FMC_SDTR1, SDTR1_TRC_TRP);
    reg_write(FMC_SDTR2, SDTR2_TMRD_TXSR_TRAS_TWR_TRCD);
    reg_set(FMC_BCR1, BCR1_FMCEN);
    if (!reg_wait(FMC_SDSR, SDSR_BUSY, 0) || !command(CLOCK_ENABLE)) {
        return false;
    }
    wait_power_up();
    if (!command(PRECHARGE_ALL) || !command(REFRESH_8_TIMES) || !command(LOAD_MODE)) {
        return false;
    }
    reg_write(FMC_SDRTR, refresh << SDRTR_COUNT_SHIFT);
    return reg_wait(FMC_SDSR, SDSR_BUSY, 0);
}

static uint32_t spot(uint32_t i)
{
    return H747_SDRAM + (i == 0u ? 0u : 2u << i);
}

/* A word at every power of two, all of them written before any is read: a wire of the address that is missing makes two of them one. */
static bool keeps(uint32_t pattern)
{
    for (uint32_t i = 0; i < H747_SDRAM_LOG2 - 1u; i++) {
        reg_write(spot(i), pattern ^ spot(i));
    }
    reg_barrier();
    for (uint32_t i = 0; i < H747_SDRAM_LOG2 - 1u; i++) {
        if (reg_read(spot(i)) != (pattern ^ spot(i))) {
            return false;
        }
    }
    return true;
}

bool h747_sdram_start(uint32_t bus_hz)
{
    connect();
    works = start_controller(bus_hz) && keeps(PATTERN) && keeps(~PATTERN);
    h747_say(said, "32 bit,", bus_hz / 2u);
    return works;
}

const char *h747_sdram_mode(void)
{
    return works ? said : "off";
}
