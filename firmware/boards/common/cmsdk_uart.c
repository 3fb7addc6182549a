/* CMSDK APB UART, see cmsdk_uart.h. */
#include "boards/common/cmsdk_uart.h"

#include "boards/common/cortexm.h"
#include "boards/common/ring.h"

#define DATA 0x00u
#define STATE 0x04u
#define CTRL 0x08u
#define INTCLEAR 0x0Cu
#define BAUDDIV 0x10u
#define STATE_TX_FULL 1u
#define STATE_RX_FULL 2u
#define CTRL_TX 1u
#define CTRL_RX 2u
#define CTRL_RX_IRQ 8u
#define INT_RX 2u
#define BAUDDIV_MIN 16u

static struct ring ring;

void cmsdk_uart_init(const struct cmsdk_uart *uart)
{
    const uint32_t divider = uart->clock_hz / uart->baudrate;
    POSE_REG(uart->base + BAUDDIV) = divider < BAUDDIV_MIN ? BAUDDIV_MIN : divider;
    POSE_REG(uart->base + CTRL) = CTRL_TX | CTRL_RX | CTRL_RX_IRQ;
}

void cmsdk_uart_receive_irq(const struct cmsdk_uart *uart)
{
    POSE_REG(uart->base + INTCLEAR) = INT_RX;
    while ((POSE_REG(uart->base + STATE) & STATE_RX_FULL) != 0u) {
        ring_put(&ring, (uint8_t)POSE_REG(uart->base + DATA));
    }
}

size_t cmsdk_uart_read(uint8_t *data, size_t max)
{
    return ring_get(&ring, data, max);
}

size_t cmsdk_uart_write(const struct cmsdk_uart *uart, const uint8_t *data, size_t size)
{
    size_t sent = 0;
    while (sent < size && (POSE_REG(uart->base + STATE) & STATE_TX_FULL) == 0u) {
        POSE_REG(uart->base + DATA) = data[sent++];
    }
    return sent;
}
