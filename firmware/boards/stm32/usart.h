/* Serial port on a USART of an STM32, 8N1, received bytes through an interrupt into a ring. Two register layouts implement these functions:
 * usart.c the newer one (ISR, RDR, TDR: N6, H7), a family's folder the older one (SR, DR: F4). Clock, pins and interrupt are the board's. */
#ifndef POSE_STM32_USART_H
#define POSE_STM32_USART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stm32_usart {
    uint32_t base;
    uint32_t clock_hz; /* of the USART's kernel, not of the core */
    uint32_t baudrate;
};

/* BRR for 16-fold oversampling, to the nearest; 0 when no divider comes within 2 % of the baud rate. */
uint32_t stm32_usart_divider(uint32_t clock_hz, uint32_t baudrate);
/* Returns false, and leaves the port off, when the clock does not give the baud rate. */
bool stm32_usart_init(const struct stm32_usart *uart);
/* To be called by the interrupt. */
void stm32_usart_irq(const struct stm32_usart *uart);
/* Never block: bytes taken, bytes accepted. */
size_t stm32_usart_read(uint8_t *data, size_t max);
size_t stm32_usart_write(const struct stm32_usart *uart, const uint8_t *data, size_t size);

#endif
