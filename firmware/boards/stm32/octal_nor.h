/* The Macronix octal NOR on XSPI2 (MX66UW1G45G, MX25UM51245G) of STM32N6 and STM32H7RS boards, for the firmware (a family's nor.c) and for the flash algorithm (firmware/flash/xspi_nor.c): the one
 * place where its sequences are. Clock, reset, supply and pins are the family's (its octal_nor_port.c). Position independent, without data. RM0486 and RM0477
 * "XSPI", "XSPIM"; Macronix data sheets of both chips. */
#ifndef POSE_STM32_OCTAL_NOR_H
#define POSE_STM32_OCTAL_NOR_H

#include <stdbool.h>
#include <stdint.h>

/* Results. The flash algorithm hands them to the host, where flash_algorithms.py has their words. */
enum {
    OCTAL_NOR_OK = 0,
    OCTAL_NOR_UNKNOWN = 2, /* no chip, or one that is not known */
    OCTAL_NOR_CONTROLLER = 3, /* a transfer does not end */
    OCTAL_NOR_BUSY = 4,
    OCTAL_NOR_LOCKED = 5, /* write enable has no effect */
    OCTAL_NOR_FAILED = 6, /* the chip says that erasing or programming failed */
    OCTAL_NOR_DIFFERS = 7, /* only inside octal_nor_start(), which then tries a lower mode */
};

/* How chip and controller talk: 1 line; 8 lines; 8 lines with both clock edges and the chip's strobe (DQS). */
enum octal_nor_mode { OCTAL_NOR_SPI = 0, OCTAL_NOR_STR = 1, OCTAL_NOR_DTR = 2 }; /* values of CR2[0] */

#define OCTAL_NOR_WINDOW 0x70000000u
#define OCTAL_NOR_PAGE_BYTES 256u
#define OCTAL_NOR_BLOCK_BYTES 0x10000u /* what an erase takes */
#define OCTAL_NOR_SLOW_HZ 50000000u /* what the pins reach without their fuse */

struct octal_nor {
    uint32_t id; /* manufacturer << 16 | type << 8 | capacity, of whatever answered; 0: nothing yet */
    uint32_t kernel_hz; /* XSPI2's clock */
    uint32_t hz; /* on the wire */
    uint32_t mode;
    bool is_blank; /* where octal_nor_start() looked */
    uint32_t dummy; /* cycles between address and data of a read of the array */
};

/* The first four are the family's, in its octal_nor_port.c.
 * XSPI2 and the port manager as after a reset, on HCLK: a program before leaves them mapped, at another clock, with crossed ports. Comes before that clock
 * changes, or the controller may stay busy for ever. */
void octal_nor_stop(void);

/* The same, and supply and pins. Another clock for XSPI2 is chosen before octal_nor_start(). */
void octal_nor_connect(void);

/* Ends whatever the controller does, a read whose strobe never comes too. */
void octal_nor_reset_controller(void);

/* The clock that octal_nor_connect() gives XSPI2, or the most that it may be. */
uint32_t octal_nor_bus_hz(void);

/* From any mode that the chip may be in, mid-erase too: octal DTR at the highest clock up to limit_hz that reads back what plain SPI reads, else octal STR, else
 * SPI. Takes kernel_hz of *nor, fills in the rest; at most some seconds. */
int octal_nor_start(struct octal_nor *nor, uint32_t limit_hz);

/* Dummy cycles that octal_nor_start() has chosen for mode and hz of *nor. */
uint32_t octal_nor_dummy(const struct octal_nor *nor);

/* Bytes of a chip with this id; 0: not one of those known. */
uint32_t octal_nor_bytes(uint32_t id);

/* The chip in its window, for reading, until octal_nor_leave() or octal_nor_connect(). */
int octal_nor_map(const struct octal_nor *nor);

/* What was reached, in words: "octal DTR 50 MHz", "SPI 25 MHz". */
#define OCTAL_NOR_WORDS_BYTES 24u
void octal_nor_words(const struct octal_nor *nor, char words[OCTAL_NOR_WORDS_BYTES]);

/* Whatever runs on XSPI2 ends, and the chip is reset out of any mode: as a boot ROM expects it. */
int octal_nor_leave(struct octal_nor *nor);

/* `count` words from `address` of the chip: fewer than 8, or a multiple of 8. */
int octal_nor_read(const struct octal_nor *nor, uint32_t address, uint32_t *words, uint32_t count);

/* Both end when the chip has taken the command; octal_nor_finish() waits until it is done, and asks whether it succeeded.
 * octal_nor_program(): whole words inside one page. */
int octal_nor_erase(const struct octal_nor *nor, uint32_t address);
int octal_nor_program(const struct octal_nor *nor, uint32_t address, const uint32_t *words, uint32_t count);
int octal_nor_finish(const struct octal_nor *nor);

#endif
