/* Clock tree of STM32F405, F407, F415 and F417 (RM0090 chapters 3.5, 5.1 and 7). */
#ifndef POSE_STM32F4_CLOCK_H
#define POSE_STM32F4_CLOCK_H

#include <stdint.h>

struct stm32f4_clocks {
    uint32_t core_hz; /* AHB too */
    uint32_t apb2_hz; /* of USART1 and USART6 */
};

/* The clock that a reset leaves: the internal 16 MHz oscillator everywhere. */
struct stm32f4_clocks stm32f4_clock_hsi(void);
/* 168 MHz from the PLL. Its source is the internal oscillator, not the crystal, which is 8, 12 or 25 MHz depending on the board; that one is good to
 * 1 % at room temperature, enough for a serial port. When a step does not become ready in time, the core stays on 16 MHz, and that is returned. */
struct stm32f4_clocks stm32f4_clock_max(void);

#endif
