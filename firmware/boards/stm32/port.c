/* The part of pose/board.h that STM32 boards share, see port.h. */
#include "boards/stm32/port.h"

#include <string.h>

#include "boards/common/cortexm.h"
#include "boards/common/startup.h"
#include "boards/stm32/dwt.h"
#include "boards/stm32/reg.h"
#include "pose/board.h"

#define UNIQUE_ID_WORDS 3u

uint8_t stm32_port_start(void)
{
    if (stm32_usart_init(&stm32_port.uart)) { /* without a port the mailbox still serves */
        cortexm_irq_enable(stm32_port.uart_irq);
    }
    return stm32_ticks_start();
}

void pose_board_irq(uint32_t irq)
{
    stm32_ticks_irq_enter();
    if (irq == stm32_port.uart_irq) {
        stm32_usart_irq(&stm32_port.uart);
    }
    stm32_ticks_irq_leave();
}

uint64_t pose_board_ticks(void)
{
    return stm32_ticks();
}

/* The receive interrupt stays on, since the port's own buffer is short; its cycles are not counted (dwt.h). */
void pose_board_timing_begin(void)
{
    pose_systick_start();
}

void pose_board_timing_end(void)
{
}

size_t pose_board_serial_read(uint8_t *data, size_t max)
{
    return stm32_usart_read(data, max);
}

size_t pose_board_serial_write(const uint8_t *data, size_t size)
{
    return stm32_usart_write(&stm32_port.uart, data, size);
}

void pose_board_unique_id(uint8_t id[16])
{
    memset(id, 0, 16);
    for (uint32_t i = 0; i < UNIQUE_ID_WORDS; i++) {
        const uint32_t word = reg_read(stm32_port.unique_id + 4u * i);
        memcpy(id + 4u * i, &word, sizeof word);
    }
}
