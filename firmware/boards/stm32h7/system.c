/* Memories, pins and caches of the STM32H743 and H747, see h7.h. RM0433, RM0399; Armv7-M ARM (DDI 0403) B3.5 "MPU"; ES0392. */
#include "boards/stm32/cache.h"
#include "boards/stm32/gpio.h"
#include "boards/stm32/reg.h"
#include "boards/stm32h7/h7.h"
#include "boards/stm32h7/registers.h"

#define ALL_LOG2 32u
#define MAILBOX_LOG2 16u
_Static_assert(1u << MAILBOX_LOG2 == H7_MAILBOX_BYTES, "the region that is not cached");
/* Eighths of the address space: code, SRAM, peripherals and the system keep their default; nothing may touch external memories, which the
 * core would otherwise read ahead from on its own. */
#define ALL_BUT_EXTERNAL 0x87u
#define FIRST_WINDOW 2u /* a region of a higher number counts before those of lower ones */
#define FUNCTION 7u

static void set_region(uint32_t number, uint32_t start, uint32_t attributes)
{
    reg_write(MPU_RBAR, start | RBAR_REGION(number));
    reg_write(MPU_RASR, attributes | RASR_NEVER_EXECUTED | RASR_ON);
}

void h7_memory_start(const struct h7_window *windows, uint32_t count)
{
    reg_set(RCC_AHB2ENR, AHB2_D2_SRAM);
    (void)reg_read(RCC_AHB2ENR);
    if (reg_read(DBGMCU_IDCODE) >> IDCODE_REVISION_SHIFT == REVISION_Y) { /* reads of the AXI SRAM may return wrong data */
        reg_set(AXI_TARG7_FN_MOD, FN_MOD_READ_ISSUE_OVERRIDE);
    }
    reg_barrier();
    reg_write(MPU_CTRL, 0);
    set_region(0, 0, RASR_WITHOUT_EIGHTHS(ALL_BUT_EXTERNAL) | RASR_SIZE_LOG2(ALL_LOG2));
    set_region(1, H7_MAILBOX, RASR_READ_WRITE | RASR_UNCACHED_MEMORY | RASR_SIZE_LOG2(MAILBOX_LOG2));
    for (uint32_t i = 0; i < count; i++) {
        set_region(FIRST_WINDOW + i, windows[i].start, windows[i].attributes | RASR_SIZE_LOG2(windows[i].size_log2));
    }
    reg_write(MPU_CTRL, MPU_CTRL_ON);
    reg_barrier();
    stm32_caches_enable();
}

void h7_pins_start(const struct h7_board *board)
{
    const uint32_t port = GPIO_PORT(board->uart_port);
    reg_set(RCC_AHB4ENR, AHB4_GPIO(board->uart_port));
    (void)reg_read(RCC_AHB4ENR);
    gpio_alternate(port, board->uart_tx, FUNCTION, GPIO_PULL_NONE);
    gpio_alternate(port, board->uart_rx, FUNCTION, GPIO_PULL_UP); /* an open line is idle, not a stream of zeros */
    reg_update(RCC_D2CCIP2R, D2CCIP2R_USART_FIELD << board->uart_select_shift, D2CCIP2R_USART_HSI << board->uart_select_shift);
    reg_set(board->uart_enable, board->uart_enable_bit);
    (void)reg_read(board->uart_enable);
}
