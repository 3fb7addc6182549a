/* The octal NOR's resets and modes, see octal_nor.h. No tables: constants outside the code would not move with the flash algorithm. */
#include "boards/stm32/octal_nor.h"

#include "boards/stm32/octal_nor_wire.h"
#include "boards/stm32/reg.h"
#include "boards/stm32/xspi.h"

#define SPI_MAX_HZ 34000000u
#define QUIET_DIVIDER 4u /* resets, ids and modes are sent at a fourth of the clock, or slower */
#define PAUSE_UNITS 20u /* a chip that did nothing is awake 40 us after its reset */
#define WAKE_TRIES 1000u /* pauses: one that was reset while it erased is silent for 100 ms */
#define ID_SURE 32u /* another id counts when it is read so often in a row */
#define SETTLE_UNITS 8u
#define SETTLE_TRIES 100u
#define SAMPLES 26u /* words that are compared: one, and one for each address bit from 2 to 26 */
#define SAMPLE_BASE 0x01000000u /* where the networks are */
#define CR_EN (1u << 0)
#define DCR1_MACRONIX (1u << 24)
#define DCR1_CSHT_2 (1u << 8)
#define DCR1_DEVSIZE_SHIFT 16u
#define SR_BUSY (1u << 5)
#define CONFIG_MODE 0x000u
#define CONFIG_DUMMY 0x300u
#define ID_BYTES 3u
#define ID_SILENT 0xFFFFFFu

static int has_config(const struct octal_nor *nor, uint32_t address, uint32_t wanted)
{
    uint32_t value = 0;
    const int status = octal_nor_register(nor, READ_CONFIG, address, 1, &value);
    return status == OCTAL_NOR_OK && value != wanted ? OCTAL_NOR_DIFFERS : status;
}

/* Volatile configuration, in SPI mode: octal mode is left by a reset only. */
static int configure(const struct octal_nor *nor, uint32_t address, uint32_t value)
{
    int status = octal_nor_write_enable(nor);
    if (status == OCTAL_NOR_OK) {
        status = octal_nor_begin(nor, WRITE_CONFIG, WRITES | ADDRESSED, address, 0, 1);
    }
    if (status != OCTAL_NOR_OK) {
        return status;
    }
    reg_write8(XSPI_DR, value);
    return octal_nor_end();
}

static int start_controller(struct octal_nor *nor, uint32_t divider)
{
    const uint32_t size = octal_nor_bytes(nor->id);
    const uint32_t size_field = size == 64u << 20 ? 25u : 26u; /* log2(bytes) - 1 */
    nor->hz = nor->kernel_hz / divider;
    reg_write(XSPI_CR, 0);
    reg_write(XSPI_DCR1, DCR1_MACRONIX | DCR1_CSHT_2 | size_field << DCR1_DEVSIZE_SHIFT);
    reg_write(XSPI_DCR3, 0);
    reg_write(XSPI_DCR4, 0);
    reg_write(XSPI_DCR2, divider - 1u); /* last: it calibrates its delays, and is busy meanwhile */
    if (!reg_wait(XSPI_SR, SR_BUSY, 0)) {
        return OCTAL_NOR_CONTROLLER;
    }
    reg_write(XSPI_CR, CR_EN);
    return OCTAL_NOR_OK;
}

/* In each mode that the chip may be in, since it keeps it through a reset of the microcontroller: what is no command in a mode is ignored. */
static int reset_chip(struct octal_nor *nor)
{
    int status = OCTAL_NOR_OK;
    for (uint32_t i = 0; i < 3u && status == OCTAL_NOR_OK; i++) {
        nor->mode = OCTAL_NOR_DTR - i; /* SPI last: the mode that is left */
        status = octal_nor_command(nor, RESET_ENABLE);
        if (status == OCTAL_NOR_OK) {
            status = octal_nor_command(nor, RESET);
        }
    }
    return status;
}

uint32_t octal_nor_bytes(uint32_t id)
{
    if ((id & 0xFFFE00u) != 0xC28000u) {
        return 0;
    }
    return (id & 0xFFu) == 0x3Au ? 64u << 20 : (id & 0xFFu) == 0x3Bu ? 128u << 20 : 0u;
}

static int read_id(const struct octal_nor *nor, uint32_t *id)
{
    uint32_t raw = 0;
    const int status = octal_nor_register(nor, READ_ID, 0, ID_BYTES, &raw);
    *id = (raw & 0xFFu) << 16 | (raw & 0xFF00u) | raw >> 16;
    return status;
}

/* Waits before each look: right after its reset a chip may answer anything. */
static int wait_id(struct octal_nor *nor)
{
    uint32_t times = 0;
    for (uint32_t i = 0; i < WAKE_TRIES && times < ID_SURE; i++) {
        const uint32_t last = nor->id;
        octal_nor_pause(PAUSE_UNITS);
        const int status = read_id(nor, &nor->id);
        if (status != OCTAL_NOR_OK) {
            return status;
        }
        if (octal_nor_bytes(nor->id) != 0u) {
            return OCTAL_NOR_OK;
        }
        times = nor->id != 0u && nor->id != ID_SILENT && nor->id == last ? times + 1u : 0u;
    }
    return OCTAL_NOR_UNKNOWN;
}

/* --- modes --- */

static uint32_t divider_for(uint32_t hz, uint32_t limit_hz)
{
    return (hz + limit_hz - 1u) / limit_hz;
}

int octal_nor_leave(struct octal_nor *nor)
{
    const uint32_t divider = divider_for(nor->kernel_hz, OCTAL_NOR_QUIET_HZ);
    octal_nor_reset_controller();
    const int status = start_controller(nor, divider < QUIET_DIVIDER ? QUIET_DIVIDER : divider);
    nor->dummy = READ_SPI_DUMMY;
    return status == OCTAL_NOR_OK ? reset_chip(nor) : status;
}

static int start_spi(struct octal_nor *nor)
{
    int status = octal_nor_leave(nor);
    if (status == OCTAL_NOR_OK) {
        status = wait_id(nor);
    }
    return status == OCTAL_NOR_OK ? octal_nor_wait_idle(nor) : status;
}

/* Address of a word that is compared in both modes, so that each address bit is 0 once and 1 once. */
static uint32_t sample_address(const struct octal_nor *nor, uint32_t i)
{
    return (SAMPLE_BASE ^ (i == 0u ? 0u : 2u << i)) & (octal_nor_bytes(nor->id) - 1u);
}

/* Of a blank chip, which reads alike in many wrong ways, the table of parameters that every chip has. */
static int read_sample(const struct octal_nor *nor, uint32_t i, uint32_t *word)
{
    return nor->is_blank ? octal_nor_sfdp(nor, 4u * i, word) : octal_nor_read(nor, sample_address(nor, i), word, 1);
}

static int read_samples(const struct octal_nor *nor, uint32_t *samples)
{
    int status = OCTAL_NOR_OK;
    for (uint32_t i = 0; i < SAMPLES && status == OCTAL_NOR_OK; i++) {
        status = read_sample(nor, i, &samples[i]);
    }
    return status;
}

static int choose_samples(struct octal_nor *nor, uint32_t *samples)
{
    nor->is_blank = false;
    const int status = read_samples(nor, samples);
    if (status != OCTAL_NOR_OK) {
        return status;
    }
    uint32_t all = UINT32_MAX;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        all &= samples[i];
    }
    nor->is_blank = all == UINT32_MAX;
    return nor->is_blank ? read_samples(nor, samples) : OCTAL_NOR_OK;
}

/* At the clock that stays: the same chip, and the same words as in SPI. */
static int agrees(const struct octal_nor *nor, const uint32_t *samples)
{
    uint32_t value = 0;
    int status = read_id(nor, &value);
    if (status == OCTAL_NOR_OK && value != nor->id) {
        return OCTAL_NOR_DIFFERS;
    }
    for (uint32_t i = 0; i < SAMPLES && status == OCTAL_NOR_OK; i++) {
        status = read_sample(nor, i, &value);
        if (status == OCTAL_NOR_OK && value != samples[i]) {
            return OCTAL_NOR_DIFFERS;
        }
    }
    return status;
}

/* Until the chip says in its new mode that it has it. */
static int wait_mode(const struct octal_nor *nor)
{
    int status = OCTAL_NOR_DIFFERS;
    for (uint32_t i = 0; i < SETTLE_TRIES && status == OCTAL_NOR_DIFFERS; i++) {
        octal_nor_pause(SETTLE_UNITS);
        status = has_config(nor, CONFIG_MODE, nor->mode);
    }
    return status == OCTAL_NOR_OK ? octal_nor_wait_idle(nor) : status;
}

/* What CR2[0x300] gets for a clock: 20 - 2 * code dummy cycles (data sheet, "Dummy Cycle"). */
static uint32_t dummy_code(uint32_t hz)
{
    return hz <= 66000000u ? 7u : hz <= 104000000u ? 5u : 0u;
}

uint32_t octal_nor_dummy(const struct octal_nor *nor)
{
    return nor->mode == OCTAL_NOR_SPI ? READ_SPI_DUMMY : 20u - 2u * dummy_code(nor->hz);
}

/* From SPI at the quiet clock. */
static int enter(struct octal_nor *nor, uint32_t mode, uint32_t divider, const uint32_t *samples)
{
    const uint32_t code = dummy_code(nor->kernel_hz / divider);
    int status = OCTAL_NOR_OK;
    if (mode != OCTAL_NOR_SPI) {
        status = configure(nor, CONFIG_DUMMY, code);
        if (status == OCTAL_NOR_OK) {
            status = has_config(nor, CONFIG_DUMMY, code);
        }
        if (status == OCTAL_NOR_OK) {
            status = configure(nor, CONFIG_MODE, mode);
        }
        nor->mode = mode;
        if (status == OCTAL_NOR_OK) {
            status = wait_mode(nor);
        }
        if (status == OCTAL_NOR_OK) {
            status = has_config(nor, CONFIG_DUMMY, code);
        }
    }
    if (status == OCTAL_NOR_OK) {
        status = start_controller(nor, divider);
        nor->dummy = octal_nor_dummy(nor);
    }
    return status == OCTAL_NOR_OK ? agrees(nor, samples) : status;
}

/* One mode and clock; what was tried before has left the chip anywhere. */
static int try_mode(struct octal_nor *nor, uint32_t mode, uint32_t divider, const uint32_t *samples)
{
    const int status = start_spi(nor);
    return status == OCTAL_NOR_OK ? enter(nor, mode, divider, samples) : status;
}

int octal_nor_start(struct octal_nor *nor, uint32_t limit_hz)
{
    uint32_t samples[SAMPLES];
    nor->id = 0;
    int status = start_spi(nor);
    if (status == OCTAL_NOR_OK) {
        status = choose_samples(nor, samples);
    }
    if (status != OCTAL_NOR_OK) {
        return status;
    }
    uint32_t divider = divider_for(nor->kernel_hz, limit_hz);
    status = enter(nor, OCTAL_NOR_DTR, divider, samples);
    while (status != OCTAL_NOR_OK && nor->kernel_hz / (2u * divider) >= OCTAL_NOR_SLOW_HZ) {
        divider *= 2u;
        status = try_mode(nor, OCTAL_NOR_DTR, divider, samples);
    }
    if (status != OCTAL_NOR_OK) {
        status = try_mode(nor, OCTAL_NOR_STR, divider_for(nor->kernel_hz, OCTAL_NOR_SLOW_HZ), samples);
    }
    if (status != OCTAL_NOR_OK) {
        status = try_mode(nor, OCTAL_NOR_SPI, divider_for(nor->kernel_hz, SPI_MAX_HZ), samples);
    }
    return status != OCTAL_NOR_OK ? start_spi(nor) : status; /* at the quiet clock, where the samples were read */
}
