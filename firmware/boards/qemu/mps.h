/* What mps.c needs to know of a board. */
#ifndef POSE_MPS_H
#define POSE_MPS_H

#include "boards/common/cmsdk_uart.h"

struct mps_board {
    struct cmsdk_uart uart;
    uint32_t uart_rx_irq;
    uint32_t doorbell_irq; /* connected to nothing; the host pends it in the NVIC */
};
extern const struct mps_board mps_board;

/* Of the linker script. */
extern uint32_t __stack_bottom[], __stack_top[];
extern uint8_t __flash_bytes[], __ram_bytes[];

#endif
