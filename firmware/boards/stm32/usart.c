/* The newer USART of STM32 (RM0486 chapter USART, RM0433 chapter 48), with its receive FIFO on; see usart.h. */
#include "boards/stm32/usart.h"

#include "boards/common/ring.h"
#include "boards/stm32/reg.h"

#define CR1 0x00u
#define CR2 0x04u
#define CR3 0x08u
#define BRR 0x0Cu
#define ISR 0x1Cu
#define ICR 0x20u
#define RDR 0x24u
#define TDR 0x28u
#define CR1_UE (1u << 0)
#define CR1_RE (1u << 2)
#define CR1_TE (1u << 3)
#define CR1_RXFNEIE (1u << 5)
#define CR1_FIFOEN (1u << 29)
#define ISR_RXFNE (1u << 5)
#define ISR_TXFNF (1u << 7)
#define ICR_ERRORS 0x0Fu /* parity, framing, noise, overrun: an overrun that is not cleared would interrupt for ever */

static struct ring ring;

bool stm32_usart_init(const struct stm32_usart *uart)
{
    const uint32_t divider = stm32_usart_divider(uart->clock_hz, uart->baudrate);
    reg_write(uart->base + CR1, 0); /* the other registers and FIFOEN can be written while UE is 0 only */
    if (divider == 0u) {
        return false;
    }
    reg_write(uart->base + CR2, 0);
    reg_write(uart->base + CR3, 0);
    reg_write(uart->base + BRR, divider);
    reg_write(uart->base + ICR, ICR_ERRORS);
    reg_write(uart->base + CR1, CR1_FIFOEN | CR1_RXFNEIE | CR1_TE | CR1_RE);
    reg_write(uart->base + CR1, CR1_FIFOEN | CR1_RXFNEIE | CR1_TE | CR1_RE | CR1_UE);
    return true;
}

void stm32_usart_irq(const struct stm32_usart *uart)
{
    reg_write(uart->base + ICR, ICR_ERRORS);
    while ((reg_read(uart->base + ISR) & ISR_RXFNE) != 0u) {
        ring_put(&ring, (uint8_t)reg_read(uart->base + RDR));
    }
}

size_t stm32_usart_read(uint8_t *data, size_t max)
{
    return ring_get(&ring, data, max);
}

size_t stm32_usart_write(const struct stm32_usart *uart, const uint8_t *data, size_t size)
{
    size_t sent = 0;
    while (sent < size && (reg_read(uart->base + ISR) & ISR_TXFNF) != 0u) {
        reg_write(uart->base + TDR, data[sent++]);
    }
    return sent;
}
