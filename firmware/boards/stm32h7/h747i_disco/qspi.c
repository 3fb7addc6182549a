/* The QSPI flash of the STM32H747I-DISCO as read-only memory: an MT25TL01G, which is two dies of 64 MB (on some boards two MT25QL512), read as one: the
 * first has the even bytes, the second the odd ones. RM0399 "QUADSPI", dual-flash mode; Micron MT25QL512; wiring: UM2411. firmware/flash/qspi_dual.c
 * programs it. No non-volatile register of the chips is written. */
#include "boards/stm32/gpio.h"
#include "boards/stm32/reg.h"
#include "boards/stm32h7/h747i_disco/external.h"
#include "boards/stm32h7/registers.h"

#define CR_EN (1u << 0)
#define CR_SAMPLE_LATE (1u << 4) /* half a clock */
#define CR_TWO_CHIPS (1u << 6)
#define CR_PRESCALER_SHIFT 24u
#define DCR_CSHT_4 (3u << 8)
#define DCR_SIZE_SHIFT 16u
#define SR_TCF (1u << 1)
#define SR_BUSY (1u << 5)
#define FLAGS 0x1Bu
#define CCR_COMMAND_SHIFT 8u
#define CCR_COMMAND (1u << CCR_COMMAND_SHIFT)
#define CCR_ADDRESS_32 (1u << 10 | 3u << 12)
#define CCR_ADDRESS_32_QUAD (3u << 10 | 3u << 12)
#define CCR_DUMMY_SHIFT 18u
#define CCR_DATA (1u << 24)
#define CCR_DATA_QUAD (3u << 24)
#define CCR_READ (1u << 26)
#define CCR_MAPPED (3u << 26)
#define CR_UNSTICK (0xFFu << CR_PRESCALER_SHIFT | CR_EN)
#define CCR_FREE_CLOCK (1u << 29)

#define RESET_ENABLE 0x66u
#define RESET 0x99u
#define READ_ID 0x9Fu
#define READ_STATUS 0x05u
#define WRITE_ENABLE 0x06u
#define READ_VOLATILE 0x85u
#define WRITE_VOLATILE 0x81u
#define READ_4B 0x13u
#define QUAD_READ_4B 0xECu
#define QUAD_DUMMY 8u
#define VOLATILE_8_DUMMY 0x8Bu /* 8 cycles, no wrapping, no mode without commands */
#define BOTH 0x0101u /* times what one chip says */
#define TWICE 0x00010001u /* a register that is read on says the same again */
#define STATUS_BUSY 1u
#define STATUS_WRITE_ENABLED 2u
#define ID_LOW 0xBABA2020u /* Micron, MT25QL; byte by byte from each chip */
#define ID_HIGH 0x2020u /* 64 MB */

#define SLOW_HZ 25000000u /* well below the 54 MHz of a read without dummy cycles */
#define FAST_HZ 100000000u
#define WAKE_TRIES 100u
#define WAKE_LOOPS 100000u /* a millisecond at least; a chip that was reset while it erased is silent for longer */
#define SAMPLE_WORDS 8u /* what the controller's buffer holds */

struct way {
    uint32_t ccr, max_hz;
    const char *name;
};
static const struct way ways[] = {
    {CCR_COMMAND | CCR_ADDRESS_32_QUAD | QUAD_DUMMY << CCR_DUMMY_SHIFT | CCR_DATA_QUAD | QUAD_READ_4B, FAST_HZ, "2 x 4 lines,"},
    {CCR_COMMAND | CCR_ADDRESS_32_QUAD | QUAD_DUMMY << CCR_DUMMY_SHIFT | CCR_DATA_QUAD | QUAD_READ_4B, FAST_HZ / 2u, "2 x 4 lines,"},
    {CCR_COMMAND | CCR_ADDRESS_32 | CCR_DATA | READ_4B, SLOW_HZ, "2 x 1 line,"},
};
#define WAYS (sizeof ways / sizeof ways[0])
#define SLOWEST (&ways[WAYS - 1u])

static const struct {
    char port;
    uint8_t pin, function;
    enum gpio_pull pull;
} wires[] = {
    {'B', 2, 9, GPIO_PULL_NONE},  {'G', 6, 10, GPIO_PULL_UP}, /* clock, and the select of both chips */
    {'D', 11, 9, GPIO_PULL_NONE}, {'F', 9, 10, GPIO_PULL_NONE}, {'F', 7, 9, GPIO_PULL_NONE}, {'F', 6, 9, GPIO_PULL_NONE},
    {'H', 2, 9, GPIO_PULL_NONE},  {'H', 3, 9, GPIO_PULL_NONE},  {'G', 9, 9, GPIO_PULL_NONE}, {'G', 14, 9, GPIO_PULL_NONE},
};
#define WIRES (sizeof wires / sizeof wires[0])
static char said[H747_MODE_BYTES];
static bool is_mapped;

static void connect(void)
{
    for (uint32_t i = 0; i < WIRES; i++) {
        reg_set(RCC_AHB4ENR, AHB4_GPIO(wires[i].port));
    }
    reg_set(RCC_AHB3ENR, AHB3_QSPI);
    (void)reg_read(RCC_AHB3ENR);
    reg_set(RCC_AHB3RSTR, AHB3_QSPI);
    reg_clear(RCC_AHB3RSTR, AHB3_QSPI);
    reg_clear(RCC_D1CCIPR, D1CCIPR_QSPISEL);
    for (uint32_t i = 0; i < WIRES; i++) {
        gpio_alternate(GPIO_PORT(wires[i].port), wires[i].pin, wires[i].function, wires[i].pull);
    }
}

/* ES0392, ES0445 "QUADSPI internal timing criticality": to be done after every reset of the controller, and the last write within 127 of its clocks. */
static bool unstick(void)
{
    reg_write(QSPI_CR, 0);
    if (!reg_wait(QSPI_SR, SR_BUSY, 0)) {
        return false;
    }
    reg_write(QSPI_CR, CR_UNSTICK);
    reg_write(QSPI_CCR, CCR_FREE_CLOCK);
    reg_write(QSPI_CCR, CCR_FREE_CLOCK);
    reg_write(QSPI_CR, 0);
    return reg_wait(QSPI_SR, SR_BUSY, 0);
}

static uint32_t prescaler_of(uint32_t bus_hz, uint32_t max_hz)
{
    return (bus_hz + max_hz - 1u) / max_hz - 1u;
}

static bool start_controller(uint32_t bus_hz, uint32_t max_hz)
{
    if (!reg_wait(QSPI_SR, SR_BUSY, 0)) {
        return false;
    }
    reg_write(QSPI_DCR, (H747_QSPI_LOG2 - 1u) << DCR_SIZE_SHIFT | DCR_CSHT_4);
    reg_write(QSPI_CR, prescaler_of(bus_hz, max_hz) << CR_PRESCALER_SHIFT | CR_TWO_CHIPS | CR_SAMPLE_LATE | CR_EN);
    return true;
}

static bool begin(uint32_t ccr, uint32_t bytes)
{
    if (!reg_wait(QSPI_SR, SR_BUSY, 0)) {
        return false;
    }
    reg_write(QSPI_FCR, FLAGS);
    if (bytes != 0u) {
        reg_write(QSPI_DLR, bytes - 1u);
    }
    reg_write(QSPI_CCR, ccr); /* starts it, unless an address or something to send follows */
    return true;
}

static bool command(uint32_t lines, uint32_t instruction)
{
    return begin(lines << CCR_COMMAND_SHIFT | instruction, 0) && reg_wait(QSPI_SR, SR_TCF, SR_TCF);
}

static bool take(uint32_t *words, uint32_t count)
{
    if (!reg_wait(QSPI_SR, SR_TCF, SR_TCF)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        words[i] = reg_read(QSPI_DR);
    }
    return true;
}

/* Two bytes of each chip. */
static bool read_register(uint32_t instruction, uint32_t *words, uint32_t count)
{
    return begin(CCR_READ | CCR_COMMAND | CCR_DATA | instruction, 4u * count) && take(words, count);
}

/* Some words from where the network is. */
static bool read_sample(const struct way *way, uint32_t words[SAMPLE_WORDS])
{
    if (!begin(CCR_READ | way->ccr, 4u * SAMPLE_WORDS)) {
        return false;
    }
    reg_write(QSPI_AR, 0);
    return take(words, SAMPLE_WORDS);
}

/* In each mode that the chips may be in, since they keep it through a reset of the microcontroller: what is no command in a mode is ignored. Double data
 * rate is a kind of read, not a mode: it needs nothing more. */
static bool reset_chips(void)
{
    return command(3, RESET_ENABLE) && command(3, RESET) && command(2, RESET_ENABLE) && command(2, RESET) && command(1, RESET_ENABLE) &&
           command(1, RESET);
}

static bool has_id(void)
{
    uint32_t id[2] = {0, 0};
    return read_register(READ_ID, id, 2) && id[0] == ID_LOW && (id[1] & 0xFFFFu) == ID_HIGH;
}

/* Waits before each look: right after its reset a chip may answer anything. True: both are there and idle. */
static bool wakes(void)
{
    for (uint32_t attempt = 0; attempt < WAKE_TRIES; attempt++) {
        uint32_t status = 0;
        for (volatile uint32_t i = 0; i < WAKE_LOOPS; i++) {
        }
        if (has_id() && read_register(READ_STATUS, &status, 1) && (status & STATUS_BUSY * BOTH) == 0u) {
            return true;
        }
    }
    return false;
}

/* The chips' volatile register, which a reset of them sets anew. */
static bool set_dummy_cycles(void)
{
    uint32_t value = 0;
    if (!command(1, WRITE_ENABLE) || !read_register(READ_STATUS, &value, 1) || (~value & STATUS_WRITE_ENABLED * BOTH) != 0u ||
        !begin(CCR_COMMAND | CCR_DATA | WRITE_VOLATILE, 2)) {
        return false;
    }
    reg_write_half(QSPI_DR, VOLATILE_8_DUMMY * BOTH);
    return reg_wait(QSPI_SR, SR_TCF, SR_TCF) && read_register(READ_VOLATILE, &value, 1) && value == VOLATILE_8_DUMMY * BOTH * TWICE;
}

static bool reads_the_same(const uint32_t wanted[SAMPLE_WORDS], const struct way *way)
{
    uint32_t words[SAMPLE_WORDS];
    if (!has_id() || !read_sample(way, words)) {
        return false;
    }
    for (uint32_t i = 0; i < SAMPLE_WORDS; i++) {
        if (words[i] != wanted[i]) {
            return false;
        }
    }
    return true;
}

bool h747_qspi_start(uint32_t bus_hz)
{
    uint32_t sample[SAMPLE_WORDS];
    is_mapped = false;
    connect();
    if (!unstick() || !start_controller(bus_hz, SLOW_HZ) || !reset_chips() || !wakes() || !read_sample(SLOWEST, sample)) {
        return false;
    }
    for (const struct way *way = set_dummy_cycles() ? ways : SLOWEST; way <= SLOWEST; way++) {
        if (start_controller(bus_hz, way->max_hz) && reads_the_same(sample, way) && begin(CCR_MAPPED | way->ccr, 0)) {
            reg_barrier();
            h747_say(said, way->name, bus_hz / (prescaler_of(bus_hz, way->max_hz) + 1u));
            is_mapped = true;
            return true;
        }
    }
    return false;
}

const char *h747_qspi_mode(void)
{
    return is_mapped ? said : "off";
}
