/* What the STM32 boards have in common of pose/board.h: port.c implements serial port, ticks, timing, interrupt and unique id. The
 * board itself implements pose_board_info(), pose_board_init() (which calls stm32_port_start() last) and pose_board_idle(). */
#ifndef POSE_STM32_PORT_H
#define POSE_STM32_PORT_H

#include <stdint.h>

#include "boards/stm32/usart.h"

struct stm32_port {
    struct stm32_usart uart;
    uint32_t uart_irq;
    uint32_t unique_id; /* address of the 96 bits */
};
extern const struct stm32_port stm32_port;

/* Starts USART, its interrupt and the tick counter. The core clock is final, pins and clocks of the USART are on. Returns enum
 * pose_time_source. */
uint8_t stm32_port_start(void);

#endif
