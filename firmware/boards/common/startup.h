/* What the common Cortex-M code and a board's file need of each other. */
#ifndef POSE_STARTUP_H
#define POSE_STARTUP_H

#include <stdbool.h>
#include <stdint.h>

/* Of the board: serves an external interrupt. */
void pose_board_irq(uint32_t irq);

/* systick.c: a 64-bit counter on the 24-bit SysTick. */
void pose_systick_handler(void);
void pose_systick_start(void);
void pose_systick_stop(void); /* keeps the count */
uint64_t pose_systick_ticks(void);
/* Sleeps until an interrupt that set *woken, also one that came before; clears it. The tick counter stands still meanwhile: a running timer
 * would make QEMU, which skips idle time, spin. With interrupts masked WFI still ends when one is pended, so none is missed between the
 * look and the sleep. */
void pose_systick_idle(volatile bool *woken);

/* fault.c */
void pose_fault_handler(void);
void pose_fault_init(void);

#endif
