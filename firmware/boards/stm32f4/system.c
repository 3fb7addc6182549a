/* See system.h. RM0090 chapters 7.3 (RCC), 8 (GPIO; DS8626 table 9: alternate functions), 38.16 (DBGMCU). */
#include "boards/stm32f4/system.h"

#include "boards/stm32/gpio.h"
#include "boards/stm32/reg.h"

#define RCC_AHB1ENR 0x40023830u
#define RCC_APB2ENR 0x40023844u
#define AHB1ENR_GPIOB (1u << 1)
#define APB2ENR_USART1 (1u << 4)
#define GPIOB 0x40020400u
#define PIN_TX 6u
#define PIN_RX 7u
#define PIN_FUNCTION 7u
#define DBGMCU_CR 0xE0042004u
#define DBGMCU_CR_SLEEP 1u /* HCLK runs on */

void stm32f4_usart1_pins(void)
{
    reg_set(RCC_AHB1ENR, AHB1ENR_GPIOB);
    reg_set(RCC_APB2ENR, APB2ENR_USART1);
    (void)reg_read(RCC_APB2ENR); /* the clocks are there two cycles after the write */
    gpio_alternate(GPIOB, PIN_TX, PIN_FUNCTION, GPIO_PULL_NONE);
    gpio_alternate(GPIOB, PIN_RX, PIN_FUNCTION, GPIO_PULL_UP); /* an open line is idle, not a stream of zeros */
}

void stm32f4_debug_in_sleep(void)
{
    reg_set(DBGMCU_CR, DBGMCU_CR_SLEEP);
}
