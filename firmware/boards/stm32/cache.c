/* Enabling the caches, see cache.h. Armv7-M ARM (DDI 0403) B2.2, Armv8-M ARM (DDI 0553) "Caches". */
#include "boards/stm32/cache.h"

#include "boards/stm32/reg.h"

#define CCR 0xE000ED14u
#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)
#define CCSIDR 0xE000ED80u
#define CSSELR 0xE000ED84u
#define ICIALLU 0xE000EF50u
#define DCISW 0xE000EF60u
#define WAYS_MASK 0x3FFu
#define SETS_MASK 0x7FFFu

static void invalidate_data(void)
{
    reg_write(CSSELR, 0); /* level 1, data */
    reg_barrier();
    const uint32_t size = reg_read(CCSIDR);
    const uint32_t line_shift = (size & 7u) + 4u;
    const uint32_t last_way = (size >> 3) & WAYS_MASK;
    const uint32_t last_set = (size >> 13) & SETS_MASK;
    uint32_t way_shift = 32u; /* the way is in the topmost bits, as many as it needs */
    for (uint32_t ways = last_way; ways != 0u; ways >>= 1) {
        way_shift--;
    }
    for (uint32_t set = 0; set <= last_set; set++) {
        for (uint32_t way = 0; way <= last_way; way++) {
            reg_write(DCISW, (last_way == 0u ? 0u : way << way_shift) | set << line_shift);
        }
    }
    reg_barrier();
}

void stm32_caches_enable(void)
{
    if ((reg_read(CCR) & CCR_IC) == 0u) {
        reg_barrier();
        reg_write(ICIALLU, 0);
        reg_barrier();
        reg_set(CCR, CCR_IC);
        reg_barrier();
    }
    if ((reg_read(CCR) & CCR_DC) == 0u) {
        invalidate_data();
        reg_set(CCR, CCR_DC);
        reg_barrier();
    }
}
