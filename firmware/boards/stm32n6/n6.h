/* What the STM32N6 boards share: clock.c, system.c, nor.c (with octal_nor.c) and port.c; a board's own file says how it differs. */
#ifndef POSE_STM32N6_N6_H
#define POSE_STM32N6_N6_H

#include <stdbool.h>
#include <stdint.h>

struct n6_board {
    uint32_t nor_bytes;
    char overdrive_port; /* letter of the port whose pin raises VDDCORE to 0.9 V, for 800 MHz */
    uint8_t overdrive_pin;
    bool has_psram;
};
extern const struct n6_board n6_board;

#define N6_HSI_HZ 64000000u

struct n6_clocks {
    uint32_t core_hz, hclk_hz, npu_hz, nic_hz; /* nic: the interconnect */
    uint32_t pll1_hz;                          /* 0: it does not run */
};

/* clock.c. First n6_clock_safe(): core, buses and USART on the 64 MHz oscillator, whatever ran before. Then n6_clock_start(), with 64, 600 or
 * 800 MHz: what it reached is in *clocks. False: something did not come up in time, and everything is on the oscillator (again). */
void n6_clock_safe(struct n6_clocks *clocks);
bool n6_clock_start(const struct n6_board *board, uint32_t core_mhz, struct n6_clocks *clocks);

/* system.c */
void n6_core_start(void);   /* security, interrupts, loops: as after a reset */
void n6_memory_start(void); /* clocks and power of all AXISRAM */
void n6_pins_start(void);   /* USART1 on its pins, with its clock */
/* Caches on; [mailbox, mailbox + mailbox_bytes) past them, the NOR window read-only. 32-byte aligned. */
void n6_caches_start(uint32_t mailbox, uint32_t mailbox_bytes, uint32_t nor_bytes);

/* nor.c. n6_nor_stop() comes before any clock is changed: XSPI2 ends what a program before left it doing. n6_nor_start(): the NOR in its window, for
 * reading, in the fastest mode that reads correctly. False: no chip of that size answers, and the window must not be touched. */
#define N6_NOR_WINDOW 0x70000000u
struct n6_nor {
    uint32_t hz; /* on the wire; 0: there is no NOR */
    uint8_t lines;
    bool double_rate;
};
void n6_nor_stop(void);
bool n6_nor_start(uint32_t nor_bytes, const struct n6_clocks *clocks);
const struct n6_nor *n6_nor(void);
const char *n6_nor_mode(void); /* "octal DTR 50 MHz", "octal STR 50 MHz", "SPI 25 MHz", ""; never NULL */
void n6_nor_leave(void);       /* before a reset: the chip is left as a boot ROM expects it */

/* psram.c, after nor.c: the PSRAM in its window, for reading and writing. Returns the clock that it runs at, in Hz, after ids and patterns have been
 * read back; 0: it does not answer rightly, and the window must not be touched. */
#define N6_PSRAM_WINDOW 0x90000000u
#define N6_PSRAM_CHIP_BYTES (32u << 20)
#define N6_PSRAM_BYTES \
    (N6_PSRAM_CHIP_BYTES - 32u) /* of use: a wrapping read of the last bytes, with a strobe, can hang the controller (ES0620, 2.4.5) */
uint32_t n6_psram_start(uint32_t hclk_hz);
/* system.c, after n6_caches_start(), which takes all regions: the PSRAM is cached and written back, but for its last line, which no cache may read. */
void n6_caches_add_psram(void);

#endif
