/* What the octal NOR needs of an STM32H7R or H7S, see octal_nor.h: XSPI2 on port N, at 1.8 V. */
#include "boards/stm32/gpio.h"
#include "boards/stm32/octal_nor.h"
#include "boards/stm32/reg.h"
#include "boards/stm32h7rs/registers.h"

#define PIN_COUNT 12u
#define PIN_NCLK 7u /* only memories with a differential clock */
#define PIN_DQS 0u
#define PIN_NCS 1u
#define PIN_FUNCTION 9u
#define HSI_HZ 64000000u
#define HCLK_MAX_HZ 300000000u /* whatever the clock tree */

static void reset_block(uint32_t bits)
{
    reg_set(RCC_AHB5RSTR, bits);
    reg_clear(RCC_AHB5RSTR, bits);
}

void octal_nor_reset_controller(void)
{
    reset_block(AHB5_XSPI2);
}

void octal_nor_stop(void)
{
    reg_set(RCC_AHB5ENR, AHB5_XSPI2 | AHB5_XSPIM);
    (void)reg_read(RCC_AHB5ENR);
    reset_block(AHB5_XSPI2 | AHB5_XSPIM);
    reg_clear(RCC_CCIPR1, CCIPR1_XSPI2SEL);
}

void octal_nor_connect(void)
{
    octal_nor_stop();
    reg_set(RCC_AHB4ENR, AHB4_GPIO('N'));
    (void)reg_read(RCC_AHB4ENR);
    /* Not the whole word: its first byte decides the supply, which is not this function's to decide. */
    reg_write8(CSR2_BYTE_1, reg_read8(CSR2_BYTE_1) | CSR2_BYTE_1_EN_XSPIM2);
    for (uint32_t pin = 0; pin < PIN_COUNT; pin++) {
        if (pin != PIN_NCLK) {
            const bool idles_high = pin == PIN_NCS || pin == PIN_DQS; /* while nobody drives them */
            gpio_alternate(GPIO_PORT('N'), pin, PIN_FUNCTION, idles_high ? GPIO_PULL_UP : GPIO_PULL_NONE);
        }
    }
    reg_write(XSPIM_CR, XSPIM_CSSEL_OVR_EN);
}

/* HCLK: 64 MHz after a reset. On another source than the oscillator, the most that it may be. */
uint32_t octal_nor_bus_hz(void)
{
    return (reg_read(RCC_CFGR) & CFGR_SW << CFGR_SWS_SHIFT) != 0u ? HCLK_MAX_HZ : HSI_HZ;
}
