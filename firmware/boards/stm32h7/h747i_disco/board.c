/* STM32H747I-DISCO (MB1248): STM32H747XI, its Cortex-M7 at 400 MHz from the SMPS alone; a 25 MHz crystal; the ST-LINK's virtual COM port is on
 * USART1, PA9 and PA10 (UM2411). */
#include "boards/stm32/port.h"
#include "boards/stm32h7/h7.h"
#include "boards/stm32h7/registers.h"

const struct h7_board h7_board = {
    .tree = {.supply = CR3_SUPPLY_SMPS, .m = 5, .n = 160, .latency = 2, .core_hz = 400000000u},
    .uart_port = 'A',
    .uart_tx = 9,
    .uart_rx = 10,
    .uart_enable = RCC_APB2ENR,
    .uart_enable_bit = 1u << 4,
    .uart_select_shift = D2CCIP2R_USART16_SHIFT,
};

const struct stm32_port stm32_port = {
    .uart = {.base = USART1, .clock_hz = H7_HSI_HZ, .baudrate = 921600u},
    .uart_irq = USART1_IRQ,
    .unique_id = UNIQUE_ID,
};
