/* Flash algorithm for the Macronix octal NOR on XSPI2: MX66UW1G45G (STM32N6570-DK, STM32H7S78-DK, 128 MB), MX25UM51245G (NUCLEO-N657X0-Q, 64 MB), in the
 * fastest mode that reads correctly (firmware/boards/stm32/octal_nor.h), at 50 MHz at most: no OTP fuse or option byte matters, and none is touched.
 * Entry points and calling convention: CMSIS-Pack "Flash Programming Functions". Position independent, no data section: what must be remembered between
 * calls stays in the controller's registers. Runs (on an N6 in Secure state) on a core that was reset and halted. Built by build.py. */
#include <stddef.h>
#include <stdint.h>

#include "boards/stm32/octal_nor.h"
#include "boards/stm32/reg.h"
#include "boards/stm32/xspi.h"

#ifndef SECTOR_BYTES
#error "SECTOR_BYTES: size of one erase sector"
#endif
_Static_assert(SECTOR_BYTES == OCTAL_NOR_BLOCK_BYTES, "octal_nor_erase");

#define ENTRY __attribute__((used))

#define CHUNK_WORDS 64u

/* Result codes beside octal_nor.h's; flash_algorithms.py has their words. OCTAL_NOR_UNKNOWN carries the chip's id above its low byte. */
enum { ERR_ADDRESS = 1 };

int Init(uint32_t address, uint32_t clock_hz, uint32_t function);
int UnInit(uint32_t function);
int EraseSector(uint32_t address);
int ProgramPage(uint32_t address, uint32_t size, const uint32_t *data);

/* What octal_nor_start() reached, from the last transfer's shape. */
static struct octal_nor recall(void)
{
    const uint32_t shape = reg_read(XSPI_CCR) & 0xFu;
    struct octal_nor nor; /* no initializer: it would call memset() */
    nor.id = 0;
    nor.kernel_hz = octal_nor_bus_hz();
    nor.hz = nor.kernel_hz / ((reg_read(XSPI_DCR2) & 0xFFu) + 1u);
    nor.mode = shape == 1u ? OCTAL_NOR_SPI : shape == 4u ? OCTAL_NOR_STR : OCTAL_NOR_DTR;
    nor.dummy = octal_nor_dummy(&nor);
    return nor;
}

ENTRY int Init(uint32_t address, uint32_t clock_hz, uint32_t function)
{
    (void)address;
    (void)clock_hz;
    (void)function;
    octal_nor_connect();
    struct octal_nor nor;
    nor.kernel_hz = octal_nor_bus_hz();
    const int status = octal_nor_start(&nor, OCTAL_NOR_SLOW_HZ);
    return status == OCTAL_NOR_UNKNOWN ? (int)(nor.id << 8 | OCTAL_NOR_UNKNOWN) : status;
}

/* Leaves the chip mapped into the memory window, so that whoever reads there sees it. */
ENTRY int UnInit(uint32_t function)
{
    (void)function;
    const struct octal_nor nor = recall();
    return octal_nor_map(&nor);
}

/* Offset in the chip, or all ones when [address, address + size) is not inside it. */
static uint32_t offset_of(uint32_t address, uint32_t size)
{
    const uint32_t chip_bytes = 2u << (reg_read(XSPI_DCR1) >> 16 & 0x1Fu);
    const uint32_t offset = address - OCTAL_NOR_WINDOW;
    return offset < chip_bytes && size <= chip_bytes - offset ? offset : UINT32_MAX;
}

static bool is_erased(const uint32_t *data, uint32_t count)
{
    uint32_t all = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        all &= data[i];
    }
    return all == UINT32_MAX;
}

/* Reading a sector takes milliseconds, erasing it a quarter of a second. */
static int is_blank(const struct octal_nor *nor, uint32_t offset, bool *blank)
{
    uint32_t words[CHUNK_WORDS];
    *blank = true;
    for (uint32_t at = 0; at < SECTOR_BYTES && *blank; at += sizeof words) {
        const int status = octal_nor_read(nor, offset + at, words, CHUNK_WORDS);
        if (status != OCTAL_NOR_OK) {
            return status;
        }
        *blank = is_erased(words, CHUNK_WORDS);
    }
    return OCTAL_NOR_OK;
}

ENTRY int EraseSector(uint32_t address)
{
    const uint32_t offset = offset_of(address, SECTOR_BYTES);
    if (offset == UINT32_MAX || offset % SECTOR_BYTES != 0u) {
        return ERR_ADDRESS;
    }
    const struct octal_nor nor = recall();
    bool blank;
    int status = is_blank(&nor, offset, &blank);
    if (status == OCTAL_NOR_OK && !blank) {
        status = octal_nor_erase(&nor, offset);
        if (status == OCTAL_NOR_OK) {
            status = octal_nor_finish(&nor);
        }
    }
    return status;
}

/* While the chip programs a page, the next one is looked at; the chip is waited for before it gets that. */
ENTRY int ProgramPage(uint32_t address, uint32_t size, const uint32_t *data)
{
    uint32_t offset = offset_of(address, size);
    if (offset == UINT32_MAX || ((offset | size) & 3u) != 0u) {
        return ERR_ADDRESS;
    }
    const struct octal_nor nor = recall();
    bool is_busy = false;
    int status = OCTAL_NOR_OK;
    while (size != 0u && status == OCTAL_NOR_OK) {
        const uint32_t room = OCTAL_NOR_PAGE_BYTES - offset % OCTAL_NOR_PAGE_BYTES; /* programming wraps around inside a page */
        const uint32_t part = size < room ? size : room;
        if (!is_erased(data, part / 4u)) {
            status = is_busy ? octal_nor_finish(&nor) : OCTAL_NOR_OK;
            if (status == OCTAL_NOR_OK) {
                status = octal_nor_program(&nor, offset, data, part / 4u);
                is_busy = true;
            }
        }
        offset += part;
        data += part / 4u;
        size -= part;
    }
    return status == OCTAL_NOR_OK && is_busy ? octal_nor_finish(&nor) : status;
}
