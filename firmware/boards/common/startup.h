/* What the common Cortex-M code and a board's file need of each other. */
#ifndef POSE_STARTUP_H
#define POSE_STARTUP_H

#include <stdint.h>

/* Of the board: serves an external interrupt. */
void pose_board_irq(uint32_t irq);

/* systick.c: a 64-bit counter on the 24-bit SysTick. */
void pose_systick_handler(void);
void pose_systick_start(void);
void pose_systick_stop(void); /* keeps the count */
uint64_t pose_systick_ticks(void);

/* fault.c */
void pose_fault_handler(void);
void pose_fault_init(void);

#endif
