/* What the STM32H743 and H747 boards share: clock.c, system.c, port.c; a board's own file says how it differs. */
#ifndef POSE_STM32H7_H7_H
#define POSE_STM32H7_H7_H

#include <stdbool.h>
#include <stdint.h>

#define H7_HSI_HZ 64000000u
#define H7_MAILBOX 0x38000000u /* all of the D3 SRAM: it has its clock after a reset, when the host clears the mailbox */
#define H7_MAILBOX_BYTES (64u << 10)

struct h7_clock_tree {
    uint32_t supply;  /* CR3_SUPPLY_...: how the board is wired */
    bool hse_bypass;  /* HSE comes as a clock from the ST-LINK, not from a crystal */
    uint32_t m, n;    /* HSE / m is 4 to 8 MHz; times n it is twice the core clock */
    bool overdrive;   /* VOS0, above 400 MHz; with the LDO only */
    uint32_t latency; /* wait states of the flash at half the core clock */
    uint32_t core_hz;
};

struct h7_board {
    struct h7_clock_tree tree;
    char uart_port; /* letter of the port of both pins, function 7 */
    uint8_t uart_tx, uart_rx;
    uint32_t uart_enable, uart_enable_bit; /* register and bit of its clock */
    uint32_t uart_select_shift;            /* of its field in RCC_D2CCIP2R */
};
extern const struct h7_board h7_board;

/* clock.c. Both return the core clock: 64 MHz of the internal oscillator, which the USART uses in any case; or the tree's, unless something did
 * not come up in time, the device's revision is too old, or its supply was set in another way since power-on: then it is those 64 MHz. */
uint32_t h7_clock_hsi(const struct h7_clock_tree *tree);
uint32_t h7_clock_max(const struct h7_clock_tree *tree);

/* A memory outside the microcontroller that answers: the core may use it, but not run code there. */
struct h7_window {
    uint32_t start, size_log2; /* aligned to its size */
    uint32_t attributes;       /* RASR_... */
};
#define H7_WINDOWS 2u

/* Of the board's folder. Starts the memories that the board has outside, writes down those that answer, and returns how many; what does not answer
 * is taken out of h7_info. The core clock must be set, caches and memory protection off. */
uint32_t h7_external_start(uint32_t bus_hz, struct h7_window windows[H7_WINDOWS]);

/* system.c */
void h7_memory_start(const struct h7_window *windows, uint32_t count); /* clocks of the D2 SRAM, memory protection, caches */
void h7_pins_start(const struct h7_board *board); /* USART on its pins, with its clock */

#endif
