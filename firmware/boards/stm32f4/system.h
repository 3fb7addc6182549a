/* What an STM32F4 board switches on besides its clock tree. */
#ifndef POSE_STM32F4_SYSTEM_H
#define POSE_STM32F4_SYSTEM_H

/* USART1 on PB6 (TX) and PB7 (RX), its clock on. */
void stm32f4_usart1_pins(void);
/* Lets a debug probe read and write memory while the core sleeps. */
void stm32f4_debug_in_sleep(void);

#endif
