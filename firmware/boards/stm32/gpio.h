/* Pins of an STM32. Every family has this register layout (GPIO chapters of RM0486, RM0433, RM0090). The port's clock must be on. */
#ifndef POSE_STM32_GPIO_H
#define POSE_STM32_GPIO_H

#include "boards/stm32/reg.h"

#define GPIO_MODER 0x00u
#define GPIO_OTYPER 0x04u
#define GPIO_OSPEEDR 0x08u
#define GPIO_PUPDR 0x0Cu
#define GPIO_BSRR 0x18u
#define GPIO_AFRL 0x20u /* pins 0 to 7; AFRH follows */

enum gpio_pull { GPIO_PULL_NONE = 0, GPIO_PULL_UP = 1 };

/* Push-pull with the fastest edges, alternate function `function`. The function is set before the pin is given to it. */
static inline void gpio_alternate(uint32_t port, uint32_t pin, uint32_t function, enum gpio_pull pull)
{
    const uint32_t two = 2u * pin;
    const uint32_t four = 4u * (pin % 8u);
    reg_update(port + GPIO_AFRL + 4u * (pin / 8u), 0xFu << four, function << four);
    reg_clear(port + GPIO_OTYPER, 1u << pin);
    reg_update(port + GPIO_OSPEEDR, 3u << two, 3u << two);
    reg_update(port + GPIO_PUPDR, 3u << two, (uint32_t)pull << two);
    reg_update(port + GPIO_MODER, 3u << two, 2u << two);
}

/* A push-pull output that is high from its first moment on. */
static inline void gpio_output_high(uint32_t port, uint32_t pin)
{
    reg_write(port + GPIO_BSRR, 1u << pin);
    reg_clear(port + GPIO_OTYPER, 1u << pin);
    reg_update(port + GPIO_MODER, 3u << (2u * pin), 1u << (2u * pin));
}

#endif
