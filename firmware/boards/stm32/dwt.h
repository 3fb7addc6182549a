/* Tick counter of STM32 boards: the cycle counter of the DWT where it counts (silicon), else SysTick (emulators read 0 there). Both count the
 * core clock, so ticks are core cycles either way; link boards/common/systick.c too. */
#ifndef POSE_STM32_DWT_H
#define POSE_STM32_DWT_H

#include <stdint.h>

/* Starts both counters. Call it when the core clock is final. Returns enum pose_time_source: POSE_TIME_DWT or POSE_TIME_TIMER. */
uint8_t stm32_ticks_start(void);
/* Core cycles since the start over 64 bits, without those between irq_enter and irq_leave. Monotonic; from the main loop only. */
uint64_t stm32_ticks(void);
/* At the start and the end of an interrupt's work, so that bytes that arrive during a measurement are received without being measured. */
void stm32_ticks_irq_enter(void);
void stm32_ticks_irq_leave(void);

#endif
