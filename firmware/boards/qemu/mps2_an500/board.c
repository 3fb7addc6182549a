/* QEMU mps2-an500: Cortex-M7 (Arm AN500).
 * Memory map (AN500, DAI0500); boards/catalog on the host says the same:
 *   0x00000000 SSRAM 4M          code and constants (treated as flash)
 *   0x20000000 SSRAM 256K        stack, data
 *   0x20040000 SSRAM 4M - 256K   arena
 *   0x60000000 PSRAM             mailbox, then the input slots
 *   0x60400000 PSRAM 12M         network image (treated as flash: nothing here writes it)
 */
#include "boards/qemu/mps.h"

#define CLOCK_HZ 25000000u /* of the core and of SysTick */
#define UART_BASE 0x40004000u
#define UART_CLOCK_HZ 25000000u
#define UART_RX_IRQ 0u
#define DOORBELL_IRQ 30u /* connected to nothing */
#define ARENA 0x20040000u
#define ARENA_BYTES ((4u << 20) - (256u << 10))
#define NETWORK 0x60400000u
#define NETWORK_BYTES (12u << 20)

const struct mps_board mps_board = {
    .uart = {.base = UART_BASE, .clock_hz = UART_CLOCK_HZ, .baudrate = 921600u},
    .uart_rx_irq = UART_RX_IRQ,
    .doorbell_irq = DOORBELL_IRQ,
};

static const struct pose_board_memory memories[] = {
    {.name = "psram", .mode = "emulated", .start = (void *)NETWORK, .bytes = NETWORK_BYTES, .flags = POSE_MEMORY_EXTERNAL},
    {.name = "ssram", .mode = "", .start = (void *)ARENA, .bytes = ARENA_BYTES, .flags = POSE_MEMORY_RAM},
};

const struct pose_board_info mps_board_info = {
    .name = "qemu-m7",
    .mcu = "mps2-an500",
    .network = (const void *)NETWORK,
    .network_max_bytes = NETWORK_BYTES,
    .arena = (void *)ARENA,
    .arena_bytes = ARENA_BYTES,
    .memories = memories,
    .memory_count = sizeof memories / sizeof memories[0],
    MPS_INFO(CLOCK_HZ),
};
