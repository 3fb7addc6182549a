/* Core, pins, memory protection and caches of the STM32H7R and H7S, see h7rs.h. RM0477; Armv7-M ARM (DDI 0403) B3.5 "MPU". */
#include "boards/stm32/cache.h"
#include "boards/stm32/gpio.h"
#include "boards/stm32/port.h"
#include "boards/stm32/reg.h"
#include "boards/stm32h7rs/h7rs.h"
#include "boards/stm32h7rs/registers.h"

#define SYST_CSR 0xE000E010u
#define NVIC_ICER 0xE000E180u
#define NVIC_ICPR 0xE000E280u
#define NVIC_WORDS 5u /* 156 interrupts */
#define ALL_LOG2 32u
#define MAILBOX_LOG2 15u
_Static_assert(1u << MAILBOX_LOG2 == H7RS_MAILBOX_BYTES, "the region that is not cached");
/* Eighths of the address space: code, SRAM, peripherals and the system keep their default; nothing may touch external memories, which the
 * core would otherwise read ahead from on its own. */
#define ALL_BUT_EXTERNAL 0x87u
#define CACHE_LINE_LOG2 5u
#define FUNCTION 8u
#define BAUDRATE 921600u

const struct stm32_port stm32_port = {
    .uart = {.base = UART4, .clock_hz = H7RS_HSI_HZ, .baudrate = BAUDRATE}, /* at every clock of the core */
    .uart_irq = UART4_IRQ,
    .unique_id = UNIQUE_ID,
};

void h7rs_core_start(void)
{
    reg_write(SYST_CSR, 0);
    for (uint32_t i = 0; i < NVIC_WORDS; i++) { /* what the program in the flash may have left enabled and pending */
        reg_write(NVIC_ICER + 4u * i, 0xFFFFFFFFu);
        reg_write(NVIC_ICPR + 4u * i, 0xFFFFFFFFu);
    }
    reg_barrier();
}

void h7rs_pins_start(void)
{
    reg_set(RCC_AHB4ENR, AHB4_GPIO('D'));
    (void)reg_read(RCC_AHB4ENR);
    gpio_alternate(GPIO_PORT('D'), 1, FUNCTION, GPIO_PULL_NONE);
    gpio_alternate(GPIO_PORT('D'), 0, FUNCTION, GPIO_PULL_UP); /* an open line is idle, not a stream of zeros */
    reg_update(RCC_CCIPR2, CCIPR2_UART234578SEL, CCIPR2_UART234578_HSI);
    reg_set(RCC_APB1ENR1, APB1_UART4);
    (void)reg_read(RCC_APB1ENR1);
}

static void set_region(uint32_t number, uint32_t start, uint32_t attributes)
{
    reg_write(MPU_RBAR, start | RBAR_REGION(number));
    reg_write(MPU_RASR, attributes | RASR_NEVER_EXECUTED | RASR_ON);
}

void h7rs_memory_start(uint32_t nor_log2)
{
    reg_set(RCC_AHB2ENR, AHB2_AHB_SRAM);
    (void)reg_read(RCC_AHB2ENR);
    reg_barrier();
    reg_write(MPU_CTRL, 0);
    set_region(0, 0, RASR_WITHOUT_EIGHTHS(ALL_BUT_EXTERNAL) | RASR_SIZE_LOG2(ALL_LOG2));
    set_region(1, H7RS_MAILBOX, RASR_READ_WRITE | RASR_UNCACHED_MEMORY | RASR_SIZE_LOG2(MAILBOX_LOG2));
    if (nor_log2 != 0u) {
        /* A cache line's wrapping read of the last bytes, with a strobe, can hang the same controller of an STM32N6 (ES0620, 2.4.5). */
        const uint32_t last = H7RS_NOR_WINDOW + (1u << nor_log2) - (1u << CACHE_LINE_LOG2);
        set_region(2, H7RS_NOR_WINDOW, RASR_READ_ONLY | RASR_CACHED_MEMORY | RASR_SIZE_LOG2(nor_log2));
        set_region(3, last, RASR_READ_ONLY | RASR_UNCACHED_MEMORY | RASR_SIZE_LOG2(CACHE_LINE_LOG2));
    }
    reg_write(MPU_CTRL, MPU_CTRL_ON);
    reg_barrier();
    stm32_caches_enable();
}
