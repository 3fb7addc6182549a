/* Flash algorithm for the two QSPI flash dies of the STM32H747I-DISCO (an MT25TL01G, or two MT25QL512), read and written as one memory of 128 MB: even
 * bytes are the first die's, odd ones the second's, and both erase and program at once. One line each for everything but the reset, at 48 MHz at most,
 * whatever clock runs: no dummy cycles, and no register of the chips is written but their write-enable latch.
 * Entry points and calling convention: CMSIS-Pack "Flash Programming Functions". Position independent, no data section.
 * Registers: RM0399, "RCC", "GPIO", "QUADSPI"; ES0392 "QUADSPI internal timing criticality"; commands: Micron MT25QL512; wiring: UM2411.
 * Runs on a core that was reset and halted. Built by build.py. */
#include <stddef.h>
#include <stdint.h>

#ifndef SECTOR_BYTES
#error "SECTOR_BYTES: size of one erase sector, of both dies"
#endif
_Static_assert(SECTOR_BYTES == 2u * 0x10000u, "ERASE_64K_4B");

#define ENTRY __attribute__((used))
#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define WINDOW 0x90000000u
#define CHIP_BYTES 0x08000000u
#define PAGE_BYTES 512u

#define RCC_D1CCIPR REG(0x5802444Cu)
#define RCC_AHB3RSTR REG(0x5802447Cu)
#define RCC_AHB3ENR REG(0x580244D4u)
#define RCC_AHB4ENR REG(0x580244E0u)
#define PORT(letter) (0x58020000u + 0x400u * ((uint32_t)(letter) - 'A'))

#define QUADSPI 0x52005000u
#define CR REG(QUADSPI + 0x00u)
#define DCR REG(QUADSPI + 0x04u)
#define SR REG(QUADSPI + 0x08u)
#define FCR REG(QUADSPI + 0x0Cu)
#define DLR REG(QUADSPI + 0x10u)
#define CCR REG(QUADSPI + 0x14u)
#define AR REG(QUADSPI + 0x18u)
#define DR REG(QUADSPI + 0x20u)

/* clang-format off */
enum {
    BIT_QSPI = 1 << 14, BITS_GPIO_BDFGH = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7, D1CCIPR_QSPISEL = 3 << 4,
    MODER = 0x00, OSPEEDR = 0x08, PUPDR = 0x0C, AFRL = 0x20,
    CR_EN = 1 << 0, CR_SAMPLE_LATE = 1 << 4, CR_TWO_CHIPS = 1 << 6, CR_FTHRES_16 = 15 << 8, CR_DIVIDE_BY_5 = 4 << 24,
    SR_TEF = 1 << 0, SR_TCF = 1 << 1, SR_FTF = 1 << 2, SR_BUSY = 1 << 5,
    DCR_128_MB_CSHT_4 = 26 << 16 | 3 << 8,
    CCR_COMMAND = 1 << 8, CCR_ADDRESS_32 = 1 << 10 | 3 << 12, CCR_DATA = 1 << 24, CCR_READ = 1 << 26, CCR_MAPPED = 3 << 26,
    CCR_FREE_CLOCK = 1 << 29,
};
enum {
    RESET_ENABLE = 0x66, RESET = 0x99, READ_ID = 0x9F, READ_STATUS = 0x05, READ_FLAGS = 0x70, CLEAR_FLAGS = 0x50,
    WRITE_ENABLE = 0x06, READ_4B = 0x13, PROGRAM_4B = 0x12, ERASE_64K_4B = 0xDC,
    BOTH = 0x0101, STATUS_BUSY = 1 * BOTH, STATUS_WRITE_ENABLED = 2 * BOTH, FLAGS_FAILED = 0x32 * BOTH,
};
/* clang-format on */
#define CR_ON ((uint32_t)CR_EN | CR_SAMPLE_LATE | CR_TWO_CHIPS | CR_FTHRES_16 | CR_DIVIDE_BY_5)
#define CR_UNSTICK (0xFFu << 24 | CR_EN)
#define ID 0x20BA20u /* Micron, MT25QL, 64 MB */
/* Result codes; flash_algorithms.py has their words. ERR_CHIP carries the id of a die above its low byte. */
enum { OK = 0, ERR_ADDRESS = 1, ERR_CHIP = 2, ERR_CONTROLLER = 3, ERR_BUSY = 4, ERR_LOCKED = 5, ERR_FAILED = 6 };

/* Bounds of polling loops. A transfer takes microseconds; an erase at most 1 s, a page 1.8 ms, polled every microsecond or slower. */
enum { TRANSFER_POLLS = 100000, ERASE_POLLS = 4000000, PROGRAM_POLLS = 20000, WAKE_TRIES = 100, WAKE_DELAY = 30000, ID_SURE = 8 };

int Init(uint32_t address, uint32_t clock_hz, uint32_t function);
int UnInit(uint32_t function);
int EraseSector(uint32_t address);
int ProgramPage(uint32_t address, uint32_t size, const uint32_t *data);

static int wait_status(uint32_t mask, uint32_t wanted)
{
    for (uint32_t i = 0; i < TRANSFER_POLLS; i++) {
        uint32_t status = SR;
        if ((status & SR_TEF) != 0u) {
            return ERR_CONTROLLER;
        }
        if ((status & mask) == wanted) {
            return OK;
        }
    }
    return ERR_CONTROLLER;
}

/* Starts a transfer of `size` bytes. Writing CCR starts it, or AR when there is an address (RM0399, "Indirect mode"). */
static int begin(uint32_t ccr, uint32_t address, uint32_t size)
{
    int status = wait_status(SR_BUSY, 0);
    if (status != OK) {
        return status;
    }
    FCR = SR_TCF | SR_TEF;
    if (size != 0u) {
        DLR = size - 1u;
        ccr |= CCR_DATA;
    }
    CCR = ccr;
    if ((ccr & CCR_ADDRESS_32) != 0u) {
        AR = address;
    }
    return OK;
}

static int finish(void)
{
    int status = wait_status(SR_TCF, SR_TCF);
    FCR = SR_TCF;
    return status;
}

static int command(uint32_t lines, uint32_t instruction)
{
    int status = begin(lines << 8 | instruction, 0, 0);
    return status == OK ? finish() : status;
}

/* `words` times two bytes of each die, alternating. A register that is read on says the same again. */
static int read_register(uint32_t instruction, uint32_t words, uint32_t *value)
{
    int status = begin((uint32_t)CCR_READ | CCR_COMMAND | instruction, 0, 4u * words);
    if (status == OK) {
        status = wait_status(SR_TCF, SR_TCF);
    }
    for (uint32_t i = 0; status == OK && i < words; i++) {
        value[i] = DR;
    }
    FCR = SR_TCF;
    return status;
}

static int wait_idle(uint32_t polls)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < polls; i++) {
        int status = read_register(READ_STATUS, 1, &value);
        if (status != OK) {
            return status;
        }
        if ((value & STATUS_BUSY) == 0u) {
            return OK;
        }
    }
    return ERR_BUSY;
}

/* Both dies will take the next command that erases or programs. */
static int enable_write(void)
{
    uint32_t value = 0;
    int status = wait_idle(ERASE_POLLS);
    if (status == OK) {
        status = command(1, CLEAR_FLAGS);
    }
    if (status == OK) {
        status = command(1, WRITE_ENABLE);
    }
    if (status == OK) {
        status = read_register(READ_STATUS, 1, &value);
    }
    return status == OK && (~value & STATUS_WRITE_ENABLED) != 0u ? ERR_LOCKED : status;
}

static int send(const uint32_t *data, uint32_t size)
{
    for (uint32_t i = 0; i < size / 4u; i++) {
        if (i % 4u == 0u) { /* room for 16 bytes */
            int status = wait_status(SR_FTF, SR_FTF);
            if (status != OK) {
                return status;
            }
        }
        DR = data[i];
    }
    return OK;
}

/* Erases or programs, and waits until both dies are done; their verdict is read. */
static int change(uint32_t instruction, uint32_t address, uint32_t size, const uint32_t *data, uint32_t polls)
{
    uint32_t value = 0;
    int status = enable_write();
    if (status == OK) {
        status = begin((uint32_t)CCR_COMMAND | CCR_ADDRESS_32 | instruction, address, size);
    }
    if (status == OK) {
        status = send(data, size);
    }
    if (status == OK) {
        status = finish();
    }
    if (status == OK) {
        status = wait_idle(polls);
    }
    if (status == OK) {
        status = read_register(READ_FLAGS, 1, &value);
    }
    return status == OK && (value & FLAGS_FAILED) != 0u ? ERR_FAILED : status;
}

static int is_erased(const uint32_t *data, uint32_t size)
{
    uint32_t all = UINT32_MAX;
    for (uint32_t i = 0; i < size / 4u; i++) {
        all &= data[i];
    }
    return all == UINT32_MAX;
}

/* Fastest edges; the function is set before the pin is given to it. */
static void pin(uint32_t port, uint32_t number, uint32_t function, uint32_t pull)
{
    const uint32_t field = 3u << 2u * number;
    const uint32_t four = 4u * (number % 8u);
    const uint32_t alternate = port + AFRL + 4u * (number / 8u);
    REG(alternate) = (REG(alternate) & ~(0xFu << four)) | function << four;
    REG(port + OSPEEDR) |= field;
    REG(port + PUPDR) = (REG(port + PUPDR) & ~field) | pull << 2u * number;
    REG(port + MODER) = (REG(port + MODER) & ~field) | 2u << 2u * number;
}

static void connect(void)
{
    RCC_AHB4ENR |= BITS_GPIO_BDFGH;
    RCC_AHB3ENR |= BIT_QSPI;
    (void)RCC_AHB3ENR;
    RCC_AHB3RSTR |= BIT_QSPI;
    RCC_AHB3RSTR &= ~(uint32_t)BIT_QSPI;
    RCC_D1CCIPR &= ~(uint32_t)D1CCIPR_QSPISEL; /* HCLK3: 64 MHz after a reset, never more than 240 */
    pin(PORT('B'), 2, 9, 0);
    pin(PORT('G'), 6, 10, 1); /* no chip is selected while nobody drives it */
    pin(PORT('D'), 11, 9, 0);
    pin(PORT('F'), 9, 10, 0);
    pin(PORT('F'), 7, 9, 0);
    pin(PORT('F'), 6, 9, 0);
    pin(PORT('H'), 2, 9, 0);
    pin(PORT('H'), 3, 9, 0);
    pin(PORT('G'), 9, 9, 0);
    pin(PORT('G'), 14, 9, 0);
}

/* After the controller's reset some of its signals may be stuck (ES0392); the last write comes within 127 clocks. */
static int controller(void)
{
    CR = 0;
    int status = wait_status(SR_BUSY, 0);
    CR = CR_UNSTICK;
    CCR = CCR_FREE_CLOCK;
    CCR = CCR_FREE_CLOCK;
    CR = 0;
    if (status == OK) {
        status = wait_status(SR_BUSY, 0);
    }
    DCR = DCR_128_MB_CSHT_4;
    CR = CR_ON;
    return status;
}

/* A reset command on 4, 2 and 1 lines: what is no command in the mode that a die is in is ignored. */
static int reset_chips(void)
{
    for (uint32_t lines = 3; lines != 0u; lines--) {
        int status = command(lines, RESET_ENABLE);
        if (status == OK) {
            status = command(lines, RESET);
        }
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

/* Manufacturer << 16 | type << 8 | capacity of the die whose bytes are at bits 0 and 16 of the words. */
static uint32_t id_of(uint32_t low, uint32_t high)
{
    return (low & 0xFFu) << 16 | (low >> 8 & 0xFF00u) | (high & 0xFFu);
}

/* A die that was reset while it erased is silent for a while, and may answer anything right after a reset: waits before each look, and takes another id
 * for the chips' when it comes again and again. The id is the first die's, unless that one is right. */
static int read_id(uint32_t *id)
{
    uint32_t times = 0;
    for (uint32_t i = 0; i < WAKE_TRIES && times < ID_SURE; i++) {
        uint32_t raw[2] = {0, 0};
        uint32_t last = *id;
        for (volatile uint32_t wait = 0; wait < WAKE_DELAY; wait++) {
        }
        int status = read_register(READ_ID, 2, raw);
        if (status != OK) {
            return status;
        }
        *id = id_of(raw[0], raw[1]);
        if (*id == ID) {
            *id = id_of(raw[0] >> 8, raw[1] >> 8);
        }
        if (*id == ID) {
            return OK;
        }
        times = *id != 0u && *id != 0xFFFFFFu && *id == last ? times + 1u : 0u;
    }
    return OK;
}

ENTRY int Init(uint32_t address, uint32_t clock_hz, uint32_t function)
{
    (void)address;
    (void)clock_hz;
    (void)function;
    uint32_t id = 0;
    connect();
    int status = controller();
    if (status == OK) {
        status = reset_chips();
    }
    if (status == OK) {
        status = read_id(&id);
    }
    if (status != OK) {
        return status;
    }
    return id == ID ? wait_idle(ERASE_POLLS) : (int)(id << 8 | ERR_CHIP);
}

/* Leaves the dies mapped into the memory window, so that whoever reads there sees them. */
ENTRY int UnInit(uint32_t function)
{
    (void)function;
    int status = wait_status(SR_BUSY, 0);
    if (status == OK) {
        CCR = (uint32_t)CCR_MAPPED | CCR_COMMAND | CCR_ADDRESS_32 | CCR_DATA | READ_4B;
    }
    __asm volatile("dsb" ::: "memory");
    return status;
}

/* Offset in the dies, or all ones when [address, address + size) is not inside them. */
static uint32_t offset_of(uint32_t address, uint32_t size)
{
    uint32_t offset = address - WINDOW;
    return offset < CHIP_BYTES && size <= CHIP_BYTES - offset ? offset : UINT32_MAX;
}

ENTRY int EraseSector(uint32_t address)
{
    uint32_t offset = offset_of(address, SECTOR_BYTES);
    if (offset == UINT32_MAX || offset % SECTOR_BYTES != 0u) {
        return ERR_ADDRESS;
    }
    return change(ERASE_64K_4B, offset, 0, NULL, ERASE_POLLS);
}

ENTRY int ProgramPage(uint32_t address, uint32_t size, const uint32_t *data)
{
    uint32_t offset = offset_of(address, size);
    if (offset == UINT32_MAX || ((offset | size) & 3u) != 0u) {
        return ERR_ADDRESS;
    }
    while (size != 0u) {
        uint32_t room = PAGE_BYTES - offset % PAGE_BYTES; /* programming wraps around inside a page */
        uint32_t part = size < room ? size : room;
        int status = is_erased(data, part) ? OK : change(PROGRAM_4B, offset, part, data, PROGRAM_POLLS);
        if (status != OK) {
            return status;
        }
        offset += part;
        data += part / 4u;
        size -= part;
    }
    return OK;
}
