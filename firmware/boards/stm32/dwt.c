/* DWT cycle counter over 64 bits, see dwt.h. Armv7-M ARM (DDI 0403) C1.8, Armv8-M ARM (DDI 0553) "DWT"; the lock access register is that of
 * CoreSight (IHI 0029): Cortex-M7 has it, and there CYCCNT stays 0 until it is opened. */
#include "boards/stm32/dwt.h"

#include <stdbool.h>

#include "boards/common/startup.h"
#include "boards/stm32/reg.h"
#include "pose/board.h"

#define DEMCR 0xE000EDFCu
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL 0xE0001000u
#define DWT_CYCCNT 0xE0001004u
#define DWT_LAR 0xE0001FB0u
#define CTRL_CYCCNTENA 1u
#define LAR_KEY 0xC5ACCE55u
#define PROBE_READS 16u

static bool counts;
static uint32_t fine_last; /* CYCCNT at the last call */
static uint64_t coarse_last; /* SysTick's ticks at the last call */
static uint64_t cycles; /* at the last call */
static volatile uint32_t stolen; /* cycles that interrupts took, modulo 2^32 */
static uint32_t stolen_last; /* at the last call */
static uint64_t stolen_total;
static uint32_t entered; /* CYCCNT at irq_enter */

static bool start_counter(void)
{
    reg_set(DEMCR, DEMCR_TRCENA);
    reg_write(DWT_LAR, LAR_KEY);
    reg_write(DWT_CYCCNT, 0);
    reg_set(DWT_CTRL, CTRL_CYCCNTENA);
    reg_barrier();
    const uint32_t first = reg_read(DWT_CYCCNT);
    for (uint32_t i = 0; i < PROBE_READS; i++) {
        if (reg_read(DWT_CYCCNT) != first) {
            return true;
        }
    }
    return false;
}

uint8_t stm32_ticks_start(void)
{
    counts = start_counter();
    pose_systick_start();
    fine_last = reg_read(DWT_CYCCNT);
    coarse_last = pose_systick_ticks();
    return counts ? POSE_TIME_DWT : POSE_TIME_TIMER;
}

/* CYCCNT wraps after some seconds. How often it has done so since the last call is what SysTick, which is as fast, has counted more. */
static uint64_t wide_cycles(void)
{
    const uint64_t coarse = pose_systick_ticks();
    const uint32_t fine = reg_read(DWT_CYCCNT);
    const uint32_t step = fine - fine_last;
    const uint64_t around = coarse - coarse_last + (1ull << 31);
    const uint64_t wraps = around > step ? (around - step) >> 32 : 0u;
    cycles += (wraps << 32) + step;
    fine_last = fine;
    coarse_last = coarse;
    return cycles;
}

uint64_t stm32_ticks(void)
{
    if (!counts) {
        return pose_systick_ticks();
    }
    for (;;) {
        const uint32_t seen = stolen;
        const uint64_t now = wide_cycles();
        if (seen == stolen) { /* else an interrupt came between */
            stolen_total += (uint32_t)(seen - stolen_last);
            stolen_last = seen;
            return now - stolen_total;
        }
    }
}

void stm32_ticks_irq_enter(void)
{
    entered = reg_read(DWT_CYCCNT);
}

void stm32_ticks_irq_leave(void)
{
    stolen = stolen + (reg_read(DWT_CYCCNT) - entered);
}
