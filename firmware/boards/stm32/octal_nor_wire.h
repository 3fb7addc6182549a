/* Between octal_nor_wire.c and octal_nor.c: one transfer to the chip, in the mode and at the clock of *nor. */
#ifndef POSE_STM32_OCTAL_NOR_WIRE_H
#define POSE_STM32_OCTAL_NOR_WIRE_H

#include "boards/stm32/octal_nor.h"

#define OCTAL_NOR_QUIET_HZ 25000000u /* up to here a bit is sampled in its middle */
#define READ_SPI_DUMMY 8u

/* Opcodes; an octal one is followed by its inverse. */
enum {
    READ_STATUS = 0x05,
    WRITE_ENABLE = 0x06,
    READ_SPI = 0x0C,
    PROGRAM = 0x12,
    READ_SECURITY = 0x2B,
    READ_SFDP = 0x5A,
    RESET_ENABLE = 0x66,
    READ_CONFIG = 0x71,
    WRITE_CONFIG = 0x72,
    RESET = 0x99,
    READ_ID = 0x9F,
    ERASE_BLOCK = 0xDC,
    READ_STR = 0xEC,
    READ_DTR = 0xEE,
};
/* What a command has beside its opcode; SHORT: an address of 24 bits. */
enum { ADDRESSED = 1, READS = 2, WRITES = 4, SHORT = 8 };

/* Starts a command of `size` bytes of data, none: 0; octal_nor_end() waits until it is done. */
int octal_nor_begin(const struct octal_nor *nor, uint32_t opcode, uint32_t kind, uint32_t address, uint32_t dummy, uint32_t size);
int octal_nor_end(void);

/* A command of which there is nothing but the opcode. */
int octal_nor_command(const struct octal_nor *nor, uint32_t opcode);

/* `count` bytes of a register, at most 3, the first one lowest. */
int octal_nor_register(const struct octal_nor *nor, uint32_t opcode, uint32_t address, uint32_t count, uint32_t *value);

/* A word of the table of parameters that every chip has (JESD216). */
int octal_nor_sfdp(const struct octal_nor *nor, uint32_t address, uint32_t *word);

void octal_nor_pause(uint32_t units); /* of 5 us or more at 800 MHz, 0.1 ms at 64 */
int octal_nor_wait_idle(const struct octal_nor *nor); /* 2 s or more at 64 MHz, which is what an erase may take */
int octal_nor_write_enable(const struct octal_nor *nor); /* checked */

#endif
