/* STM32F405RG: Cortex-M4 at 168 MHz. One image for silicon and for QEMU's netduinoplus2, which has the USART and the interrupt controller, but reads
 * 0 from RCC, PWR, FLASH, GPIO and the DWT: the PLL never becomes ready there, so the firmware says 16 MHz, and counts with SysTick.
 * Memory map (DS8626); boards/catalog on the host says the same:
 *   0x08000000 flash 128K        code and constants: sectors 0 to 4
 *   0x08020000 flash 896K        network image: sectors 5 to 11
 *   0x20000000 SRAM 19392        stack, data
 *   0x20004BC0 SRAM 2112         mailbox
 *   0x20005400 SRAM 27K          input slots: one of 96 x 96 x 3 bytes, or two smaller ones
 *   0x2000C000 SRAM 80K          arena
 * The core-coupled RAM is not used: the emulator has none. With a generated network linked in (linked.ld) code has all of the flash, if the weights are part
 * of it, the stack all below the mailbox, and data the last 20K of the arena.
 * Serial port: USART1, PB6 TX and PB7 RX (AF7), which both known boards have on their headers as SCL and SDA. */
#include "pose/board.h"

#include <string.h>

#include "boards/common/cortexm.h"
#include "boards/common/sections.h"
#include "boards/common/startup.h"
#include "boards/stm32/dwt.h"
#include "boards/stm32/usart.h"
#include "boards/stm32f4/clock.h"
#include "boards/stm32f4/system.h"

#define USART1 0x40011000u
#define USART1_IRQ 37u
#define UNIQUE_ID 0x1FFF7A10u
#define UNIQUE_ID_BYTES 12u
#define DOORBELL_IRQ 79u /* connected to nothing on this device */
#define BAUDRATE 1000000u /* 84 MHz and 16 MHz both give it exactly */
#define NETWORK 0x08020000u
#ifdef F405_NETWORK_IN_CODE /* linked.ld */
#define NETWORK_BYTES 0u
#else
#define NETWORK_BYTES (896u << 10)
#endif
#define MAILBOX 0x20004BC0u
#define MAILBOX_BYTES 0x840u
#define SLOTS (MAILBOX + MAILBOX_BYTES)
#define SLOTS_BYTES (27u << 10)
#define ARENA (SLOTS + SLOTS_BYTES)
#ifdef F405_LINKED
#define DATA_BYTES (20u << 10)
#else
#define DATA_BYTES 0u
#endif
#define ARENA_BYTES ((80u << 10) - DATA_BYTES)
_Static_assert(ARENA + ARENA_BYTES + DATA_BYTES == 0x20020000u, "the end of the RAM");
#define STALL_S 300u /* an emulator's time runs some times faster than the host's clock */

static struct stm32_usart uart = {.base = USART1, .baudrate = BAUDRATE};
static volatile bool woken; /* an interrupt came since the last idle */
static const struct pose_board_memory memories[] = {
    {.name = "flash", .mode = "", .start = (void *)NETWORK, .bytes = NETWORK_BYTES},
    {.name = "sram", .mode = "", .start = (void *)ARENA, .bytes = ARENA_BYTES, .flags = POSE_MEMORY_RAM},
};
static struct pose_board_info info = {
    .name = "f405",
    .mcu = "stm32f405rg",
    .clock_hz = 16000000u, /* what a reset leaves; pose_board_init() says what it is then */
    .network = (const void *)NETWORK,
    .network_max_bytes = NETWORK_BYTES,
    .arena = (void *)ARENA,
    .arena_bytes = ARENA_BYTES,
    .memories = memories,
    .memory_count = sizeof memories / sizeof memories[0],
    .slot_block = (uint8_t *)SLOTS,
    .slot_block_bytes = SLOTS_BYTES,
    .mailbox = (struct pose_mailbox *)MAILBOX,
    .mailbox_bytes = MAILBOX_BYTES,
    .device_id = 0x413u,
    POSE_INFO_SECTIONS,
};

const struct pose_board_info *pose_board_info(void)
{
    return &info;
}

void pose_board_init(void)
{
    const struct stm32f4_clocks clocks = POSE_CLOCK();
    stm32f4_debug_in_sleep();
    stm32f4_usart1_pins();
    uart.clock_hz = clocks.apb2_hz;
    (void)stm32_usart_init(&uart); /* without it the mailbox is still there */
    info.clock_hz = clocks.core_hz;
    info.tick_hz = clocks.core_hz;
    info.time_source = stm32_ticks_start();
    info.stall_ticks = (uint64_t)STALL_S * clocks.core_hz;
    cortexm_irq_enable(USART1_IRQ);
    cortexm_irq_enable(DOORBELL_IRQ);
}

void pose_board_irq(uint32_t irq)
{
    stm32_ticks_irq_enter();
    woken = true;
    if (irq == USART1_IRQ) {
        stm32_usart_irq(&uart);
    }
    stm32_ticks_irq_leave();
}

uint64_t pose_board_ticks(void)
{
    return stm32_ticks();
}

/* With the cycle counter, interrupts stay on: what they take is not counted, and a USART without a FIFO loses bytes in 10 us. With SysTick, which
 * counts all, they wait in the port. */
void pose_board_timing_begin(void)
{
    if (info.time_source == POSE_TIME_TIMER) {
        cortexm_irq_disable(USART1_IRQ);
        cortexm_irq_disable(DOORBELL_IRQ);
        pose_systick_start();
    }
}

void pose_board_timing_end(void)
{
    cortexm_irq_enable(USART1_IRQ);
    cortexm_irq_enable(DOORBELL_IRQ);
}

size_t pose_board_serial_read(uint8_t *data, size_t max)
{
    return stm32_usart_read(data, max);
}

size_t pose_board_serial_write(const uint8_t *data, size_t size)
{
    return stm32_usart_write(&uart, data, size);
}

void pose_board_idle(void)
{
    pose_systick_idle(&woken);
}

void pose_board_unique_id(uint8_t id[16])
{
    memset(id, 0, 16);
    if (info.time_source == POSE_TIME_DWT) { /* an emulator, which has no cycle counter, has no identity, and faults there */
        memcpy(id, (const void *)UNIQUE_ID, UNIQUE_ID_BYTES);
    }
}
