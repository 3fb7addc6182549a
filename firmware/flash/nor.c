/* Flash algorithm for emulated memory that behaves like NOR: erasing sets ones, programming can only clear bits.
 * Entry points and calling convention: CMSIS-Pack "Flash Programming Functions". Position independent, no data section;
 * runs on the core from any RAM. Built by build.py; the result is pytest_stm32pose/probes/flash_algorithms.toml. */
#include <stdint.h>

#ifndef SECTOR_BYTES
#error "SECTOR_BYTES: size of one erase sector"
#endif

#define ENTRY __attribute__((used))

enum { OK = 0, ERR_ALIGNMENT = 1 };

int Init(uint32_t address, uint32_t clock_hz, uint32_t function);
int UnInit(uint32_t function);
int EraseSector(uint32_t address);
int ProgramPage(uint32_t address, uint32_t size, const uint32_t *data);

ENTRY int Init(uint32_t address, uint32_t clock_hz, uint32_t function)
{
    (void)address;
    (void)clock_hz;
    (void)function;
    return OK;
}

ENTRY int UnInit(uint32_t function)
{
    (void)function;
    return OK;
}

ENTRY int EraseSector(uint32_t address)
{
    if ((address % SECTOR_BYTES) != 0u) {
        return ERR_ALIGNMENT;
    }
    volatile uint64_t *at = (volatile uint64_t *)(uintptr_t)address;
    for (uint32_t i = 0; i < SECTOR_BYTES / 8u; i += 4u) {
        at[i] = UINT64_MAX;
        at[i + 1u] = UINT64_MAX;
        at[i + 2u] = UINT64_MAX;
        at[i + 3u] = UINT64_MAX;
    }
    return OK;
}

ENTRY int ProgramPage(uint32_t address, uint32_t size, const uint32_t *data)
{
    if (((address | size) % 4u) != 0u) {
        return ERR_ALIGNMENT;
    }
    volatile uint32_t *at = (volatile uint32_t *)(uintptr_t)address;
    for (uint32_t i = 0; i < size / 4u; i++) {
        at[i] &= data[i];
    }
    __asm volatile("dsb" ::: "memory");
    __asm volatile("isb" ::: "memory");
    return OK;
}
