/* What the MPS2 and MPS3 boards of QEMU have in common: SysTick, a CMSDK UART, an interrupt of the NVIC as mailbox doorbell. */
#include "boards/qemu/mps.h"

#include <stdbool.h>
#include <string.h>

#include "boards/common/cortexm.h"
#include "boards/common/startup.h"
#include "pose/board.h"

static volatile bool woken; /* an interrupt came since the last idle */

const struct pose_board_info *pose_board_info(void)
{
    return &mps_board_info;
}

void pose_board_init(void)
{
    cmsdk_uart_init(&mps_board.uart);
    cortexm_irq_enable(mps_board.uart_rx_irq);
    cortexm_irq_enable(mps_board.doorbell_irq);
    pose_systick_start();
}

void pose_board_irq(uint32_t irq)
{
    woken = true;
    if (irq == mps_board.uart_rx_irq) {
        cmsdk_uart_receive_irq(&mps_board.uart);
    }
}

uint64_t pose_board_ticks(void)
{
    return pose_systick_ticks();
}

void pose_board_timing_begin(void)
{
    cortexm_irq_disable(mps_board.uart_rx_irq);
    cortexm_irq_disable(mps_board.doorbell_irq);
    pose_systick_start();
}

void pose_board_timing_end(void)
{
    cortexm_irq_enable(mps_board.uart_rx_irq);
    cortexm_irq_enable(mps_board.doorbell_irq);
}

size_t pose_board_serial_read(uint8_t *data, size_t max)
{
    return cmsdk_uart_read(data, max);
}

size_t pose_board_serial_write(const uint8_t *data, size_t size)
{
    return cmsdk_uart_write(&mps_board.uart, data, size);
}

void pose_board_idle(void)
{
    pose_systick_idle(&woken);
}

void pose_board_unique_id(uint8_t id[16])
{
    memset(id, 0, 16); /* the emulated board has none; its probe has */
}
