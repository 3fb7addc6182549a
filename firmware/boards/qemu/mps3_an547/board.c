/* QEMU mps3-an547: Cortex-M55 (Arm AN547, SSE-300).
 * Memory map (AN547, DAI0547); boards/catalog on the host says the same:
 *   0x00000000 ITCM 512K         code and constants
 *   0x20000000 DTCM 512K         stack, data
 *   0x21000000 4M                arena
 *   0x60000000 DDR               mailbox, then the input slots
 *   0x71000000 DDR 16M           network image (treated as NOR flash: nothing here writes it)
 */
#include "boards/qemu/mps.h"

#define CLOCK_HZ 32000000u /* of the core and of SysTick */
#define UART_BASE 0x49303000u
#define UART_CLOCK_HZ 25000000u
#define UART_RX_IRQ 33u
#define DOORBELL_IRQ 60u /* connected to nothing */
#define ARENA 0x21000000u
#define ARENA_BYTES (4u << 20)
#define NETWORK 0x71000000u
#define NETWORK_BYTES (16u << 20)

const struct mps_board mps_board = {
    .uart = {.base = UART_BASE, .clock_hz = UART_CLOCK_HZ, .baudrate = 921600u},
    .uart_rx_irq = UART_RX_IRQ,
    .doorbell_irq = DOORBELL_IRQ,
};

static const struct pose_board_memory memories[] = {
    {.name = "ddr", .mode = "emulated", .start = (void *)NETWORK, .bytes = NETWORK_BYTES, .flags = POSE_MEMORY_EXTERNAL},
    {.name = "sram", .mode = "", .start = (void *)ARENA, .bytes = ARENA_BYTES, .flags = POSE_MEMORY_RAM},
};

const struct pose_board_info mps_board_info = {
    .name = "qemu-m55",
    .mcu = "mps3-an547",
    .network = (const void *)NETWORK,
    .network_max_bytes = NETWORK_BYTES,
    .arena = (void *)ARENA,
    .arena_bytes = ARENA_BYTES,
    .memories = memories,
    .memory_count = sizeof memories / sizeof memories[0],
    MPS_INFO(CLOCK_HZ),
};
