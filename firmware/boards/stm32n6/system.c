/* Core, memories, pins and caches of the STM32N6, see n6.h. The image is started by a debugger after the boot ROM ran, so nothing is taken for
 * granted that a reset would give. Armv8-M ARM (DDI 0553), Cortex-M55 TRM (101051), RM0486. */
#include "boards/stm32/cache.h"
#include "boards/stm32/gpio.h"
#include "boards/stm32/port.h"
#include "boards/stm32/reg.h"
#include "boards/stm32n6/n6.h"
#include "boards/stm32n6/registers.h"

#define SYST_CSR 0xE000E010u
#define NVIC_ICER 0xE000E180u
#define NVIC_ICPR 0xE000E280u
#define NVIC_WORDS 7u /* 195 interrupts */
#define CCR 0xE000ED14u
#define CCR_LOB (1u << 19) /* the core remembers where a low-overhead loop starts */
#define SAU_CTRL 0xE000EDD0u
#define SAU_RNR 0xE000EDD8u
#define SAU_RBAR 0xE000EDDCu
#define SAU_RLAR 0xE000EDE0u
#define SAU_REGIONS 8u
#define MSCR 0xE001E000u
#define MSCR_CACHES_ACTIVE (3u << 12)
#define MPU_CTRL 0xE000ED94u
#define MPU_CTRL_ON 5u /* with the default map behind the regions */
#define MPU_RNR 0xE000ED98u
#define MPU_RBAR 0xE000ED9Cu
#define MPU_RLAR 0xE000EDA0u
#define MPU_MAIR0 0xE000EDC0u
#define MPU_REGIONS 16u
#define MEMORY_UNCACHED 0x44u
#define MEMORY_WRITE_THROUGH 0xAAu /* read allocate */
#define MAIR (MEMORY_UNCACHED | MEMORY_WRITE_THROUGH << 8)
#define MAIR_WRITE_BACK (0xFFu << 16) /* read and write allocate */
#define RBAR_NEVER_EXECUTED 1u
#define RBAR_READ_ONLY (2u << 1) /* for privileged code, which all of this is */
#define RLAR_ATTRIBUTES(n) ((uint32_t)(n) << 1 | 1u)
#define CACHE_LINE 32u
#define BAUDRATE 921600u

const struct stm32_port stm32_port = {
    .uart = {.base = USART1, .clock_hz = N6_HSI_HZ, .baudrate = BAUDRATE}, /* at every clock of the core */
    .uart_irq = USART1_IRQ,
    .unique_id = UNIQUE_ID,
};

void n6_core_start(void)
{
    reg_write(SYST_CSR, 0);
    for (uint32_t i = 0; i < NVIC_WORDS; i++) { /* the boot ROM leaves interrupts enabled and pending */
        reg_write(NVIC_ICER + 4u * i, 0xFFFFFFFFu);
        reg_write(NVIC_ICPR + 4u * i, 0xFFFFFFFFu);
    }
    reg_write(SAU_CTRL, 0); /* without it all addresses are as secure as their alias says */
    for (uint32_t i = 0; i < SAU_REGIONS; i++) {
        reg_write(SAU_RNR, i);
        reg_write(SAU_RBAR, 0);
        reg_write(SAU_RLAR, 0);
    }
    reg_set(CCR, CCR_LOB);
    reg_barrier();
    /* BSEC: without its clock the device cannot sleep (ES0620), and the unique id cannot be read. A reset must go through the boot ROM, which
     * opens the debug port: the register keeps what a program before wrote, through resets. */
    reg_write(RCC_APB4ENR2 + RCC_SET, APB4_SYSCFG | APB4_BSEC);
    (void)reg_read(RCC_APB4ENR2);
    reg_write(SYSCFG_INITSVTORCR, BOOT_ROM);
    reg_write(RCC_AHB4ENR + RCC_SET, AHB4_PWR);
    (void)reg_read(RCC_AHB4ENR);
}

void n6_memory_start(void)
{
    reg_write(RCC_MEMENR + RCC_SET, MEM_AXISRAM);
    reg_write(RCC_AHB2ENR + RCC_SET, AHB2_RAMCFG);
    (void)reg_read(RCC_AHB2ENR);
    for (uint32_t n = 2; n <= 6u; n++) { /* 3 to 6 are off after a reset; 2 may be, after another program */
        reg_clear(RAMCFG_CR(n), RAMCFG_SRAMSD);
    }
    reg_barrier();
}

void n6_pins_start(void)
{
    reg_write(RCC_AHB4ENR + RCC_SET, AHB4_GPIO('E'));
    (void)reg_read(RCC_AHB4ENR);
    gpio_alternate(GPIO_PORT('E'), 5, 7, GPIO_PULL_NONE);
    gpio_alternate(GPIO_PORT('E'), 6, 7, GPIO_PULL_UP); /* an open line is idle, not a stream of zeros */
    reg_update(RCC_CCIPR13, CCIPR13_USART1SEL, CCIPR13_USART1_HSI);
    reg_write(RCC_APB2ENR + RCC_SET, APB2_USART1);
    (void)reg_read(RCC_APB2ENR);
}

static void set_region(uint32_t number, uint32_t start, uint32_t bytes, uint32_t access, uint32_t attributes)
{
    reg_write(MPU_RNR, number);
    reg_write(MPU_RBAR, start | access | RBAR_NEVER_EXECUTED);
    reg_write(MPU_RLAR, (start + bytes - 32u) | RLAR_ATTRIBUTES(attributes));
}

void n6_caches_start(uint32_t mailbox, uint32_t mailbox_bytes, uint32_t nor_bytes)
{
    reg_barrier();
    reg_write(MPU_CTRL, 0);
    for (uint32_t i = 0; i < MPU_REGIONS; i++) {
        reg_write(MPU_RNR, i);
        reg_write(MPU_RLAR, 0);
    }
    reg_write(MPU_MAIR0, MAIR);
    set_region(0, mailbox, mailbox_bytes, 0, 0);
    /* A cache line's wrapping read of the last bytes, with a strobe, can hang the controller (ES0620, 2.4.5). */
    set_region(1, N6_NOR_WINDOW, nor_bytes - CACHE_LINE, RBAR_READ_ONLY, 1);
    set_region(MPU_REGIONS - 1u, N6_NOR_WINDOW + nor_bytes - CACHE_LINE, CACHE_LINE, RBAR_READ_ONLY, 0);
    reg_write(MPU_CTRL, MPU_CTRL_ON);
    reg_barrier();
    reg_set(MSCR, MSCR_CACHES_ACTIVE);
    stm32_caches_enable();
}

/* The default map writes through there. Lines that were read so are clean: they may stay. */
void n6_caches_add_psram(void)
{
    reg_set(MPU_MAIR0, MAIR_WRITE_BACK); /* of no region yet */
    set_region(2, N6_PSRAM_WINDOW, N6_PSRAM_BYTES, 0, 2);
    set_region(3, N6_PSRAM_WINDOW + N6_PSRAM_BYTES, N6_PSRAM_CHIP_BYTES - N6_PSRAM_BYTES, 0, 0);
    reg_barrier();
}
