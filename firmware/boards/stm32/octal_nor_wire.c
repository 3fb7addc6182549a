/* Transfers to the octal NOR, its reads and changes, see octal_nor.h. */
#include "boards/stm32/octal_nor_wire.h"

#include "boards/stm32/reg.h"
#include "boards/stm32/xspi.h"

#define CR_EN (1u << 0)
#define CR_FTHRES_32 (31u << 8)
#define CR_READ (1u << 28)
#define CR_MAPPED (3u << 28)
#define SR_TCF (1u << 1)
#define SR_FTF (1u << 2)
#define SR_BUSY (1u << 5)
#define FLAGS 0x1Bu
#define CCR_OPCODE_16 (1u << 4)
#define CCR_ADDRESS_24 (2u << 12)
#define CCR_ADDRESS_32 (3u << 12)
#define CCR_DDTR (1u << 27)
#define CCR_DQSE (1u << 29)
#define TCR_HOLD_QUARTER (1u << 28) /* DHQC: outputs change a quarter clock late, in the middle between two edges */
#define TCR_SAMPLE_LATE (1u << 30)  /* SSHIFT: half a clock */
#define PHASE_1 1u
#define PHASE_8 4u
#define PHASE_DTR (1u << 3)
#define STATUS_BUSY 1u
#define STATUS_WRITE_ENABLED 2u
#define SECURITY_FAILED 0x60u
#define READ_SFDP_DUMMY 20u /* in octal; 8 in SPI (JESD216) */
#define REGISTER_DUMMY 4u /* one more in DTR, but for the id */
#define SPINS (REG_POLLS / 100u) /* of a pause's unit: 5 us or more at 800 MHz, 0.1 ms at 64 */
#define QUICK_POLLS 64u /* about as long as a page takes */
#define IDLE_POLLS 20000u /* 2 s or more at 64 MHz, which is what an erase may take */

static uint32_t ccr_of(uint32_t mode, uint32_t kind)
{
    const uint32_t phase = mode == OCTAL_NOR_SPI ? PHASE_1 : mode == OCTAL_NOR_STR ? PHASE_8 : PHASE_8 | PHASE_DTR;
    uint32_t ccr = phase | (mode == OCTAL_NOR_SPI ? 0u : CCR_OPCODE_16);
    if ((kind & ADDRESSED) != 0u) {
        ccr |= phase << 8 | ((kind & SHORT) != 0u ? CCR_ADDRESS_24 : CCR_ADDRESS_32);
    }
    if ((kind & (READS | WRITES)) != 0u) {
        ccr |= phase << 24;
    }
    if (mode == OCTAL_NOR_DTR) {
        ccr |= CCR_DDTR | ((kind & READS) != 0u ? CCR_DQSE : 0u); /* without DDTR the outputs are not delayed, data or not */
    }
    return ccr;
}

static uint32_t tcr_of(const struct octal_nor *nor, uint32_t dummy)
{
    return dummy | (nor->mode == OCTAL_NOR_DTR ? TCR_HOLD_QUARTER : nor->hz > OCTAL_NOR_QUIET_HZ ? TCR_SAMPLE_LATE : 0u);
}

static uint32_t instruction_of(uint32_t mode, uint32_t opcode)
{
    return mode == OCTAL_NOR_SPI ? opcode : opcode << 8 | (opcode ^ 0xFFu);
}

/* Writing the address starts a command that has one, else writing the instruction does. */
int octal_nor_begin(const struct octal_nor *nor, uint32_t opcode, uint32_t kind, uint32_t address, uint32_t dummy, uint32_t size)
{
    if (!reg_wait(XSPI_SR, SR_BUSY, 0)) {
        return OCTAL_NOR_CONTROLLER;
    }
    reg_write(XSPI_FCR, FLAGS);
    reg_write(XSPI_CR, CR_EN | CR_FTHRES_32 | ((kind & READS) != 0u ? CR_READ : 0u));
    if (size != 0u) {
        reg_write(XSPI_DLR, size - 1u);
    }
    reg_write(XSPI_TCR, tcr_of(nor, dummy));
    reg_write(XSPI_CCR, ccr_of(nor->mode, kind));
    reg_write(XSPI_IR, instruction_of(nor->mode, opcode));
    if ((kind & ADDRESSED) != 0u) {
        reg_write(XSPI_AR, address);
    }
    return OCTAL_NOR_OK;
}

int octal_nor_end(void)
{
    if (!reg_wait(XSPI_SR, SR_TCF, SR_TCF)) {
        return OCTAL_NOR_CONTROLLER;
    }
    reg_write(XSPI_FCR, SR_TCF);
    return OCTAL_NOR_OK;
}

int octal_nor_command(const struct octal_nor *nor, uint32_t opcode)
{
    const int status = octal_nor_begin(nor, opcode, 0, 0, 0, 0);
    return status == OCTAL_NOR_OK ? octal_nor_end() : status;
}

/* `count` bytes, at most 3, the first one lowest. In DTR a register shows each byte on both edges. */
int octal_nor_register(const struct octal_nor *nor, uint32_t opcode, uint32_t address, uint32_t count, uint32_t *value)
{
    const bool octal = nor->mode != OCTAL_NOR_SPI;
    const bool twice = nor->mode == OCTAL_NOR_DTR;
    const uint32_t kind = READS | (octal || opcode == READ_CONFIG ? (uint32_t)ADDRESSED : 0u);
    const uint32_t dummy = octal ? REGISTER_DUMMY + (twice && opcode != READ_ID ? 1u : 0u) : 0u;
    const int status = octal_nor_begin(nor, opcode, kind, address, dummy, twice ? 2u * count : count);
    if (status != OCTAL_NOR_OK) {
        return status;
    }
    if (!reg_wait(XSPI_SR, SR_TCF, SR_TCF)) {
        return OCTAL_NOR_CONTROLLER;
    }
    *value = 0;
    for (uint32_t i = 0; i < count; i++) {
        *value |= reg_read8(XSPI_DR) << 8u * i;
        if (twice) {
            (void)reg_read8(XSPI_DR);
        }
    }
    reg_write(XSPI_FCR, SR_TCF);
    return OCTAL_NOR_OK;
}

/* Fewer than 8 words, or a multiple of 8. */
static int receive(uint32_t *words, uint32_t count)
{
    const uint32_t flag = count < 8u ? SR_TCF : SR_FTF; /* all of it, or 32 bytes */
    for (uint32_t i = 0; i < count; i++) {
        if (i % 8u == 0u && !reg_wait(XSPI_SR, flag, flag)) {
            return OCTAL_NOR_CONTROLLER;
        }
        words[i] = reg_read(XSPI_DR);
    }
    return octal_nor_end();
}

static uint32_t read_opcode(const struct octal_nor *nor)
{
    return nor->mode == OCTAL_NOR_SPI ? READ_SPI : nor->mode == OCTAL_NOR_STR ? READ_STR : READ_DTR;
}

int octal_nor_read(const struct octal_nor *nor, uint32_t address, uint32_t *words, uint32_t count)
{
    const int status = octal_nor_begin(nor, read_opcode(nor), READS | ADDRESSED, address, nor->dummy, 4u * count);
    return status == OCTAL_NOR_OK ? receive(words, count) : status;
}

int octal_nor_sfdp(const struct octal_nor *nor, uint32_t address, uint32_t *word)
{
    const bool octal = nor->mode != OCTAL_NOR_SPI;
    const uint32_t kind = READS | ADDRESSED | (octal ? 0u : (uint32_t)SHORT);
    const int status = octal_nor_begin(nor, READ_SFDP, kind, address, octal ? READ_SFDP_DUMMY : READ_SPI_DUMMY, 4);
    return status == OCTAL_NOR_OK ? receive(word, 1) : status;
}

int octal_nor_map(const struct octal_nor *nor)
{
    if (!reg_wait(XSPI_SR, SR_BUSY, 0)) {
        return OCTAL_NOR_CONTROLLER;
    }
    reg_write(XSPI_FCR, FLAGS);
    reg_write(XSPI_CR, CR_EN | CR_FTHRES_32);
    reg_write(XSPI_TCR, tcr_of(nor, nor->dummy));
    reg_write(XSPI_CCR, ccr_of(nor->mode, READS | ADDRESSED));
    reg_write(XSPI_IR, instruction_of(nor->mode, read_opcode(nor)));
    reg_write(XSPI_CR, CR_EN | CR_FTHRES_32 | CR_MAPPED);
    reg_barrier();
    return OCTAL_NOR_OK;
}

/* --- state and changes --- */

void octal_nor_pause(uint32_t units)
{
    for (uint32_t i = 0; i < units; i++) {
        (void)reg_read(XSPI_SR);
        for (volatile uint32_t spin = 0; spin < SPINS; spin++) {
        }
    }
}

int octal_nor_wait_idle(const struct octal_nor *nor)
{
    for (uint32_t i = 0; i < IDLE_POLLS; i++) {
        uint32_t value;
        const int status = octal_nor_register(nor, READ_STATUS, 0, 1, &value);
        if (status != OCTAL_NOR_OK || (value & STATUS_BUSY) == 0u) {
            return status;
        }
        if (i >= QUICK_POLLS) {
            octal_nor_pause(1);
        }
    }
    return OCTAL_NOR_BUSY;
}

int octal_nor_write_enable(const struct octal_nor *nor)
{
    uint32_t value = 0;
    int status = octal_nor_command(nor, WRITE_ENABLE);
    if (status == OCTAL_NOR_OK) {
        status = octal_nor_register(nor, READ_STATUS, 0, 1, &value);
    }
    return status == OCTAL_NOR_OK && (value & STATUS_WRITE_ENABLED) == 0u ? OCTAL_NOR_LOCKED : status;
}

int octal_nor_erase(const struct octal_nor *nor, uint32_t address)
{
    int status = octal_nor_write_enable(nor);
    if (status == OCTAL_NOR_OK) {
        status = octal_nor_begin(nor, ERASE_BLOCK, ADDRESSED, address, 0, 0);
    }
    return status == OCTAL_NOR_OK ? octal_nor_end() : status;
}

int octal_nor_program(const struct octal_nor *nor, uint32_t address, const uint32_t *words, uint32_t count)
{
    int status = octal_nor_write_enable(nor);
    if (status == OCTAL_NOR_OK) {
        status = octal_nor_begin(nor, PROGRAM, ADDRESSED | WRITES, address, 0, 4u * count);
    }
    if (status != OCTAL_NOR_OK) {
        return status;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i % 8u == 0u && !reg_wait(XSPI_SR, SR_FTF, SR_FTF)) { /* room for 32 bytes: the FIFO is filled while the wire empties it */
            return OCTAL_NOR_CONTROLLER;
        }
        reg_write(XSPI_DR, words[i]);
    }
    return octal_nor_end();
}

int octal_nor_finish(const struct octal_nor *nor)
{
    uint32_t value = 0;
    int status = octal_nor_wait_idle(nor);
    if (status == OCTAL_NOR_OK) {
        status = octal_nor_register(nor, READ_SECURITY, 0, 1, &value);
    }
    return status == OCTAL_NOR_OK && (value & SECURITY_FAILED) != 0u ? OCTAL_NOR_FAILED : status;
}
