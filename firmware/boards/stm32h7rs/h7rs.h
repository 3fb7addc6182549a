/* What the STM32H7R and H7S boards share: clock.c, system.c, nor.c (with stm32/octal_nor.c) and port.c; a board's own file says how it differs. */
#ifndef POSE_STM32H7RS_H7RS_H
#define POSE_STM32H7RS_H7RS_H

#include <stdbool.h>
#include <stdint.h>

struct h7rs_board {
    uint32_t nor_log2; /* bytes of the NOR on XSPI2 */
};
extern const struct h7rs_board h7rs_board;

#define H7RS_HSI_HZ 64000000u
#define H7RS_MAILBOX 0x30000000u /* all of the AHB SRAM, whose clock the debug probe switches on before it clears the mailbox */
#define H7RS_MAILBOX_BYTES (32u << 10)
#define H7RS_NOR_WINDOW 0x70000000u

struct h7rs_clocks {
    uint32_t core_hz, hclk_hz;
    uint32_t nor_hz; /* PLL2's, for the NOR's controller; 0: it does not run */
};

/* clock.c. What is reached: h7rs_clock_max() 600 MHz, unless something did not come up in time, or the supply was decided in another way since
 * power-on: then all is on the oscillator of 64 MHz, as after h7rs_clock_hsi(). The UART uses the oscillator in any case. */
struct h7rs_clocks h7rs_clock_hsi(void);
struct h7rs_clocks h7rs_clock_max(void);

/* system.c */
void h7rs_core_start(void); /* interrupts as after a reset */
void h7rs_pins_start(void); /* UART4 on its pins, with its clock */
/* Memory protection, with the NOR for reading where there is one (nor_log2 0: none), and caches. */
void h7rs_memory_start(uint32_t nor_log2);

/* nor.c. The NOR in its window, for reading, in the fastest mode that reads correctly. False: no chip of that size answers, and the window must not be
 * touched. octal_nor_stop() comes before any clock is changed. */
bool h7rs_nor_start(uint32_t nor_bytes, const struct h7rs_clocks *clocks);
const char *h7rs_nor_mode(void); /* "octal DTR 50 MHz"; "" where there is none */
void h7rs_nor_leave(void); /* before a reset: the chip is left as whoever boots expects it */

#endif
