/* Serial port on a CMSDK APB UART (Arm DDI 0479, chapter 4.4): received bytes go through an interrupt into a ring. */
#ifndef POSE_CMSDK_UART_H
#define POSE_CMSDK_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cmsdk_uart {
    uintptr_t base;
    uint32_t clock_hz, baudrate;
};

void cmsdk_uart_init(const struct cmsdk_uart *uart);
/* To be called by the receive interrupt. */
void cmsdk_uart_receive_irq(const struct cmsdk_uart *uart);
size_t cmsdk_uart_read(uint8_t *data, size_t max);
size_t cmsdk_uart_write(const struct cmsdk_uart *uart, const uint8_t *data, size_t size);

#endif
