/* The H747's Cortex-M4 boots too, from bank 2 (option byte BCM4, on when the board is delivered, and not ours to change). It must find vectors
 * there, or it runs whatever that flash holds. These put it to sleep for good. */
#include <stdint.h>

#define D2_SRAM_END 0x30048000u
#define FAULT_VECTORS 14

void h7_park_m4(void);

__attribute__((naked, used, section(".m4.code"))) void h7_park_m4(void)
{
    __asm volatile("cpsid i\n"
                   "1: wfi\n"
                   "b 1b\n");
}

__attribute__((used, section(".m4.vectors"))) static const struct {
    uint32_t stack;
    void (*handlers[1 + FAULT_VECTORS])(void);
} m4_vectors = {D2_SRAM_END, {[0 ... FAULT_VECTORS] = h7_park_m4}};
