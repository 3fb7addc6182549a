/* What the octal NOR needs of an STM32N6, see octal_nor.h: XSPI2 on port N, at 1.8 V. */
#include "boards/stm32/gpio.h"
#include "boards/stm32/octal_nor.h"
#include "boards/stm32/reg.h"
#include "boards/stm32n6/registers.h"

#define PIN_COUNT 12u
#define PIN_NCLK 7u /* only memories with a differential clock */
#define PIN_DQS 0u
#define PIN_NCS 1u
#define PIN_FUNCTION 9u
#define HSI_HZ 64000000u
#define HCLK_MAX_HZ 200000000u /* whatever the clock tree */
#define SYSTEM_SWITCHED 0x30000000u

static void reset_block(uint32_t bits)
{
    reg_write(RCC_AHB5RSTR + RCC_SET, bits);
    reg_write(RCC_AHB5RSTR + RCC_CLEAR, bits);
}

void octal_nor_reset_controller(void)
{
    reset_block(AHB5_XSPI2);
}

void octal_nor_stop(void)
{
    reg_write(RCC_AHB5ENR + RCC_SET, AHB5_XSPI2 | AHB5_XSPIM);
    (void)reg_read(RCC_AHB5ENR);
    reset_block(AHB5_XSPI2 | AHB5_XSPIM);
    reg_clear(RCC_CCIPR6, CCIPR6_XSPI2SEL);
}

void octal_nor_connect(void)
{
    octal_nor_stop();
    reg_write(RCC_AHB4ENR + RCC_SET, AHB4_GPIO('N') | AHB4_PWR);
    (void)reg_read(RCC_AHB4ENR);
    reg_set(PWR_SVMCR3, SVMCR3_VDDIO3SV | SVMCR3_VDDIO3VRSEL);
    for (uint32_t pin = 0; pin < PIN_COUNT; pin++) {
        if (pin != PIN_NCLK) {
            const bool idles_high = pin == PIN_NCS || pin == PIN_DQS; /* while nobody drives them */
            gpio_alternate(GPIO_PORT('N'), pin, PIN_FUNCTION, idles_high ? GPIO_PULL_UP : GPIO_PULL_NONE);
        }
    }
    reg_write(XSPIM_CR, XSPIM_CSSEL_OVR_EN);
}

/* HCLK: 32 MHz after a reset. On another source than the oscillator, the most that it may be. */
uint32_t octal_nor_bus_hz(void)
{
    if ((reg_read(RCC_CFGR1) & SYSTEM_SWITCHED) != 0u) {
        return HCLK_MAX_HZ;
    }
    return HSI_HZ >> (reg_read(RCC_CFGR2) >> CFGR2_HPRE_SHIFT & 7u);
}
