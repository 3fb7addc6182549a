/* Flash algorithm for the Macronix octal NOR on XSPI2 of an STM32N6 board, driven as plain 1-line SPI with 4-byte addresses:
 * MX66UW1G45G (STM32N6570-DK, 128 MB), MX25UM51245G (NUCLEO-N657X0-Q, 64 MB). 1 line needs no calibration, no dummy
 * tuning and no OTP fuse (the fuses are never touched).
 * Entry points and calling convention: CMSIS-Pack "Flash Programming Functions". Position independent, no data section.
 * What must be remembered between calls (the chip's size) stays in the controller's DCR1.
 * Registers: RM0486, "RCC", "PWR", "GPIO", "XSPIM", "XSPI"; commands: Macronix data sheets MX66UW1G45G, MX25UM51245G.
 * Runs in Secure state on a core that was reset and halted. Built by build.py. */
#include <stddef.h>
#include <stdint.h>

#ifndef SECTOR_BYTES
#error "SECTOR_BYTES: size of one erase sector"
#endif
_Static_assert(SECTOR_BYTES == 0x10000u, "ERASE_64K_4B");

#define ENTRY __attribute__((used))
#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define WINDOW 0x70000000u
#define PAGE_BYTES 256u

#define RCC_CCIPR6 REG(0x56028158u)
#define RCC_AHB5RSTSR REG(0x56028A20u)
#define RCC_AHB5RSTCR REG(0x56029220u)
#define RCC_AHB4ENSR REG(0x56028A5Cu)
#define RCC_AHB5ENSR REG(0x56028A60u)
#define RCC_AHB5ENR REG(0x56028260u)
#define PWR_SVMCR3 REG(0x5602483Cu)
#define XSPIM_CR REG(0x5802B400u)
#define GPION_MODER REG(0x56023400u)
#define GPION_OSPEEDR REG(0x56023408u)
#define GPION_PUPDR REG(0x5602340Cu)
#define GPION_AFRL REG(0x56023420u)
#define GPION_AFRH REG(0x56023424u)

#define XSPI2 0x5802A000u
#define CR REG(XSPI2 + 0x000u)
#define DCR1 REG(XSPI2 + 0x008u)
#define DCR2 REG(XSPI2 + 0x00Cu)
#define DCR3 REG(XSPI2 + 0x010u)
#define DCR4 REG(XSPI2 + 0x014u)
#define SR REG(XSPI2 + 0x020u)
#define FCR REG(XSPI2 + 0x024u)
#define DLR REG(XSPI2 + 0x040u)
#define AR REG(XSPI2 + 0x048u)
#define DR REG(XSPI2 + 0x050u)
#define DR_BYTE (*(volatile uint8_t *)(uintptr_t)(XSPI2 + 0x050u)) /* a byte access moves one byte */
#define CCR REG(XSPI2 + 0x100u)
#define TCR REG(XSPI2 + 0x108u)
#define IR REG(XSPI2 + 0x110u)

/* clang-format off */
enum {
    BIT_XSPI2 = 1 << 12, BIT_XSPIM = 1 << 13, BIT_GPION = 1 << 13, BIT_PWR = 1 << 18,
    SVMCR3_VDDIO3SV = 1 << 9, SVMCR3_VDDIO3VRSEL = 1 << 26,
    XSPIM_CSSEL_OVR_EN = 1 << 4,
    CR_EN = 1 << 0, CR_ABORT = 1 << 1, CR_FTHRES_32 = 31 << 8, CR_READ = 1 << 28, CR_MAPPED = 3 << 28,
    SR_TEF = 1 << 0, SR_TCF = 1 << 1, SR_FTF = 1 << 2, SR_BUSY = 1 << 5,
    DCR1_MACRONIX = 1 << 24, DCR1_CSHT_2 = 1 << 8, DCR1_DEVSIZE_BIT = 16,
    DCR2_DIVIDE_BY_4 = 3,
    CCR_COMMAND = 1, CCR_ADDRESS_32 = 1 << 8 | 3 << 12, CCR_DATA = 1 << 24,
    CCR_COMMAND_OCTAL = 4 | 1 << 4, CCR_COMMAND_DTR = 1 << 3,
    DUMMY_FAST_READ = 8,
};
enum {
    RESET_ENABLE = 0x66, RESET = 0x99, READ_ID = 0x9F, READ_STATUS = 0x05, READ_SECURITY = 0x2B, WRITE_ENABLE = 0x06,
    FAST_READ_4B = 0x0C, PROGRAM_4B = 0x12, ERASE_64K_4B = 0xDC,
    STATUS_BUSY = 1, STATUS_WRITE_ENABLED = 2, SECURITY_FAILED = 0x60,
};
/* clang-format on */
/* Result codes; flash_algorithms.py has their words. ERR_CHIP carries the chip's id above its low byte. */
enum { OK = 0, ERR_ADDRESS = 1, ERR_CHIP = 2, ERR_CONTROLLER = 3, ERR_BUSY = 4, ERR_LOCKED = 5, ERR_FAILED = 6 };

/* Bounds of polling loops. A transfer takes microseconds; an erase at most 2 s, polled about every 2 us or slower. */
enum { TRANSFER_POLLS = 100000, ERASE_POLLS = 4000000, PROGRAM_POLLS = 100000, WAKE_TRIES = 100, WAKE_DELAY = 100000, ID_SURE = 8 };

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

/* One transfer. `size` bytes go out of `out`, whole words, or come back in `in` (at most 4 bytes, the first one lowest).
 * Writing IR starts it, or AR when there is an address (RM0486, "Indirect mode"). */
static int transfer(uint32_t command, uint32_t ccr, uint32_t address, uint32_t size, const uint32_t *out, uint32_t *in)
{
    int status = wait_status(SR_BUSY, 0);
    if (status != OK) {
        return status;
    }
    FCR = SR_TCF | SR_TEF;
    CR = CR_EN | CR_FTHRES_32 | (in != NULL ? (uint32_t)CR_READ : 0u);
    if (size != 0u) {
        DLR = size - 1u;
    }
    TCR = 0;
    CCR = ccr | (size != 0u ? (uint32_t)CCR_DATA : 0u);
    IR = command;
    if ((ccr & CCR_ADDRESS_32) != 0u) {
        AR = address;
    }
    for (uint32_t i = 0; out != NULL && i < size / 4u; i++) {
        if (i % 8u == 0u && (status = wait_status(SR_FTF, SR_FTF)) != OK) { /* room for 32 bytes */
            return status;
        }
        DR = out[i];
    }
    status = wait_status(SR_TCF, SR_TCF);
    for (uint32_t i = 0; status == OK && in != NULL && i < size; i++) {
        *in |= (uint32_t)DR_BYTE << 8u * i;
    }
    FCR = SR_TCF;
    return status;
}

static int read_register(uint32_t command, uint32_t size, uint32_t *value)
{
    *value = 0;
    return transfer(command, CCR_COMMAND, 0, size, NULL, value);
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

/* Erases or programs: write enable, checked, then the command, then until the chip is done; its verdict is read. */
static int change(uint32_t command, uint32_t address, uint32_t size, const uint32_t *data, uint32_t polls)
{
    uint32_t value = 0;
    int status = wait_idle(ERASE_POLLS);
    if (status == OK) {
        status = transfer(WRITE_ENABLE, CCR_COMMAND, 0, 0, NULL, NULL);
    }
    if (status == OK) {
        status = read_register(READ_STATUS, 1, &value);
    }
    if (status == OK && (value & STATUS_WRITE_ENABLED) == 0u) {
        status = ERR_LOCKED;
    }
    if (status == OK) {
        status = transfer(command, (uint32_t)CCR_COMMAND | CCR_ADDRESS_32, address, size, data, NULL);
    }
    if (status == OK) {
        status = wait_idle(polls);
    }
    if (status == OK) {
        status = read_register(READ_SECURITY, 1, &value);
    }
    return status == OK && (value & SECURITY_FAILED) != 0u ? ERR_FAILED : status;
}

static int is_erased(const uint32_t *data, uint32_t size)
{
    uint32_t all = UINT32_MAX;
    for (uint32_t i = 0; i < size / 4u; i++) {
        all &= data[i];
    }
    return all == UINT32_MAX;
}

/* Clocks, supply and pins. VDDIO3 is 1.8 V on both boards. Pins of port 2 are PN0-6 and PN8-11, alternate function 9. */
static void connect(void)
{
    RCC_AHB4ENSR = BIT_GPION | BIT_PWR;
    RCC_AHB5ENSR = BIT_XSPI2 | BIT_XSPIM;
    (void)RCC_AHB5ENR;
    RCC_AHB5RSTSR = BIT_XSPI2 | BIT_XSPIM;
    RCC_AHB5RSTCR = BIT_XSPI2 | BIT_XSPIM;
    RCC_CCIPR6 &= ~0x30u; /* kernel clock HCLK5: 32 MHz after a reset, never more than 200 */
    PWR_SVMCR3 |= SVMCR3_VDDIO3SV | SVMCR3_VDDIO3VRSEL;
    GPION_PUPDR = (GPION_PUPDR & ~0x00FF3FFFu) | 1u << 2 | 1u; /* no chip select and no strobe while nobody drives the pins */
    GPION_OSPEEDR |= 0x00FF3FFFu & 0xAAAAAAAAu;
    GPION_AFRL = (GPION_AFRL & 0xF0000000u) | 0x09999999u;
    GPION_AFRH = (GPION_AFRH & 0xFFFF0000u) | 0x00009999u;
    GPION_MODER = (GPION_MODER & ~0x00FF3FFFu) | (0x00FF3FFFu & 0xAAAAAAAAu);
    XSPIM_CR = XSPIM_CSSEL_OVR_EN; /* direct mode: XSPI2 on port 2, chip select 1 */
}

static int controller(uint32_t size_log2)
{
    CR = 0;
    DCR1 = (uint32_t)DCR1_MACRONIX | DCR1_CSHT_2 | (size_log2 - 1u) << DCR1_DEVSIZE_BIT;
    DCR3 = 0;
    DCR4 = 0;
    DCR2 = DCR2_DIVIDE_BY_4; /* last: the controller is busy for a moment */
    int status = wait_status(SR_BUSY, 0);
    CR = CR_EN;
    return status;
}

/* A reset command in each mode the chip may be in: octal double rate, octal, 1 line. What is no command is ignored. */
static int reset_chip(void)
{
    const uint32_t octal = CCR_COMMAND_OCTAL;
    int status = transfer(0x6699, octal | CCR_COMMAND_DTR, 0, 0, NULL, NULL);
    if (status == OK) {
        status = transfer(0x9966, octal | CCR_COMMAND_DTR, 0, 0, NULL, NULL);
    }
    if (status == OK) {
        status = transfer(0x6699, octal, 0, 0, NULL, NULL);
    }
    if (status == OK) {
        status = transfer(0x9966, octal, 0, 0, NULL, NULL);
    }
    if (status == OK) {
        status = transfer(RESET_ENABLE, CCR_COMMAND, 0, 0, NULL, NULL);
    }
    return status == OK ? transfer(RESET, CCR_COMMAND, 0, 0, NULL, NULL) : status;
}

static int is_known(uint32_t id)
{
    uint32_t capacity = id & 0xFFu; /* 0x3A: 64 MB, 0x3B: 128 MB */
    return (id & 0xFFFE00u) == 0xC28000u && (capacity == 0x3Au || capacity == 0x3Bu);
}

/* The chip's id as manufacturer << 16 | type << 8 | capacity. A chip reset while it erased is silent for up to 100 ms, and may answer anything right
 * after a reset: waits before each look, and takes another id for the chip's when it comes again and again. */
static int read_id(uint32_t *id)
{
    uint32_t times = 0;
    for (uint32_t i = 0; i < WAKE_TRIES && times < ID_SURE; i++) {
        uint32_t raw = 0;
        uint32_t last = *id;
        for (volatile uint32_t wait = 0; wait < WAKE_DELAY; wait++) {
        }
        int status = read_register(READ_ID, 3, &raw);
        if (status != OK) {
            return status;
        }
        *id = (raw & 0xFFu) << 16 | (raw & 0xFF00u) | raw >> 16;
        if (is_known(*id)) {
            return OK;
        }
        times = raw != 0u && raw != 0xFFFFFFu && *id == last ? times + 1u : 0u;
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
    int status = controller(27);
    if (status == OK) {
        status = reset_chip();
    }
    if (status == OK) {
        status = read_id(&id);
    }
    if (status != OK) {
        return status;
    }
    if (!is_known(id)) {
        return (int)(id << 8 | ERR_CHIP);
    }
    status = controller((id & 0xFFu) == 0x3Au ? 26u : 27u);
    return status == OK ? wait_idle(ERASE_POLLS) : status;
}

/* Leaves the chip mapped into the memory window, so that whoever reads there sees it. */
ENTRY int UnInit(uint32_t function)
{
    (void)function;
    int status = wait_status(SR_BUSY, 0);
    if (status == OK) {
        CR = CR_EN | CR_FTHRES_32;
        TCR = DUMMY_FAST_READ;
        CCR = (uint32_t)CCR_COMMAND | CCR_ADDRESS_32 | CCR_DATA;
        IR = FAST_READ_4B;
        CR = CR_EN | CR_FTHRES_32 | (uint32_t)CR_MAPPED;
    }
    __asm volatile("dsb" ::: "memory");
    return status;
}

/* Offset in the chip, or all ones when [address, address + size) is not inside it. */
static uint32_t offset_of(uint32_t address, uint32_t size)
{
    uint32_t chip_bytes = 2u << (DCR1 >> DCR1_DEVSIZE_BIT & 0x1Fu);
    uint32_t offset = address - WINDOW;
    return offset < chip_bytes && size <= chip_bytes - offset ? offset : UINT32_MAX;
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
