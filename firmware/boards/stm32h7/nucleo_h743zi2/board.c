/* NUCLEO-H743ZI2 (MB1364): STM32H743ZI at 480 MHz from the LDO; 8 MHz from the ST-LINK; its virtual COM port is on USART3, PD8 and PD9 (UM2407). */
#include "boards/stm32/port.h"
#include "boards/stm32h7/h7.h"
#include "boards/stm32h7/registers.h"

const struct h7_board h7_board = {
    .tree = {.supply = CR3_SUPPLY_LDO, .hse_bypass = true, .m = 2, .n = 240, .overdrive = true, .latency = 4, .core_hz = 480000000u},
    .uart_port = 'D',
    .uart_tx = 8,
    .uart_rx = 9,
    .uart_enable = RCC_APB1LENR,
    .uart_enable_bit = 1u << 18,
    .uart_select_shift = D2CCIP2R_USART234578_SHIFT,
};

const struct stm32_port stm32_port = {
    .uart = {.base = USART3, .clock_hz = H7_HSI_HZ, .baudrate = 921600u},
    .uart_irq = USART3_IRQ,
    .unique_id = UNIQUE_ID,
};
