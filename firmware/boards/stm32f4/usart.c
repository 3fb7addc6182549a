/* The older USART of STM32 (RM0090 chapter 30: SR, DR, no FIFO), see boards/stm32/usart.h. */
#include "boards/stm32/usart.h"

#include "boards/common/ring.h"
#include "boards/stm32/reg.h"

#define SR 0x00u
#define DR 0x04u
#define BRR 0x08u
#define CR1 0x0Cu
#define CR2 0x10u
#define CR3 0x14u
#define SR_ORE (1u << 3)
#define SR_RXNE (1u << 5)
#define SR_TXE (1u << 7)
#define CR1_RE (1u << 2)
#define CR1_TE (1u << 3)
#define CR1_RXNEIE (1u << 5)
#define CR1_UE (1u << 13)

static struct ring ring;

bool stm32_usart_init(const struct stm32_usart *uart)
{
    const uint32_t divider = stm32_usart_divider(uart->clock_hz, uart->baudrate);
    reg_write(uart->base + CR1, 0);
    if (divider == 0u) {
        return false;
    }
    reg_write(uart->base + CR2, 0);
    reg_write(uart->base + CR3, 0);
    reg_write(uart->base + BRR, divider);
    reg_write(uart->base + CR1, CR1_UE | CR1_RXNEIE | CR1_TE | CR1_RE);
    return true;
}

/* One byte: the interrupt comes again while there are more. Reading SR, then DR, clears the errors too; an overrun's frame fails its CRC. */
void stm32_usart_irq(const struct stm32_usart *uart)
{
    const uint32_t status = reg_read(uart->base + SR);
    if ((status & (SR_RXNE | SR_ORE)) != 0u) {
        const uint8_t byte = (uint8_t)reg_read(uart->base + DR);
        if ((status & SR_RXNE) != 0u) {
            ring_put(&ring, byte);
        }
    }
}

size_t stm32_usart_read(uint8_t *data, size_t max)
{
    return ring_get(&ring, data, max);
}

size_t stm32_usart_write(const struct stm32_usart *uart, const uint8_t *data, size_t size)
{
    size_t sent = 0;
    while (sent < size && (reg_read(uart->base + SR) & SR_TXE) != 0u) {
        reg_write(uart->base + DR, data[sent++]);
    }
    return sent;
}
