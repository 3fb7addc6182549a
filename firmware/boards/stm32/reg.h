/* The one way in which STM32 board code reaches a device register: by its address. On the device these are volatile accesses. Compiled for the
 * host with -DPOSE_REG_MODEL they call a register model (reg_model.c), so that a test sees every access in its order. */
#ifndef POSE_STM32_REG_H
#define POSE_STM32_REG_H

#include <stdbool.h>
#include <stdint.h>

/* Reads that a wait is worth: some 20 ms at 64 MHz. A PLL locks within 1 ms, an oscillator starts within 10 ms. Tests take fewer. */
#ifndef REG_POLLS
#define REG_POLLS 100000u
#endif

#ifdef POSE_REG_MODEL
uint32_t reg_read(uint32_t address);
void reg_write(uint32_t address, uint32_t value);
uint32_t reg_read8(uint32_t address);
void reg_write8(uint32_t address, uint32_t value);
void reg_barrier(void);
#else
static inline uint32_t reg_read(uint32_t address)
{
    return *(const volatile uint32_t *)(uintptr_t)address;
}

static inline void reg_write(uint32_t address, uint32_t value)
{
    *(volatile uint32_t *)(uintptr_t)address = value;
}

/* One byte: a FIFO gives or takes as much as an access has. */
static inline uint32_t reg_read8(uint32_t address)
{
    return *(const volatile uint8_t *)(uintptr_t)address;
}

static inline void reg_write8(uint32_t address, uint32_t value)
{
    *(volatile uint8_t *)(uintptr_t)address = (uint8_t)value;
}

/* Everything before it has reached the device before anything after it starts. */
static inline void reg_barrier(void)
{
    __asm volatile("dsb 0xF\n\tisb 0xF" ::: "memory");
}
#endif

/* Replaces the bits of `mask` by those of `value`. */
static inline void reg_update(uint32_t address, uint32_t mask, uint32_t value)
{
    reg_write(address, (reg_read(address) & ~mask) | (value & mask));
}

static inline void reg_set(uint32_t address, uint32_t bits)
{
    reg_write(address, reg_read(address) | bits);
}

static inline void reg_clear(uint32_t address, uint32_t bits)
{
    reg_write(address, reg_read(address) & ~bits);
}

/* Reads until the bits of `mask` are those of `value`, REG_POLLS times at most. False: they never were. */
static inline bool reg_wait(uint32_t address, uint32_t mask, uint32_t value)
{
    for (uint32_t poll = 0; poll < REG_POLLS; poll++) {
        if ((reg_read(address) & mask) == value) {
            return true;
        }
    }
    return false;
}

#endif
