/* A 64-bit tick counter on SysTick, which counts down over 24 bits at the core clock.
 * A start writes the current value: the counter then reads 0 and reloads at the next tick, so a value v means (0 - v) mod 2^24 ticks, and a
 * period ends when v is 0 again, which is when the interrupt is pended. */
#include "boards/common/cortexm.h"
#include "boards/common/startup.h"

#define PERIOD (1u << 24)
#define MASK (PERIOD - 1u)

static volatile uint32_t periods; /* since the last start */
static uint64_t before;           /* ticks until the last start */

void pose_systick_handler(void)
{
    periods = periods + 1u;
}

uint64_t pose_systick_ticks(void)
{
    for (;;) {
        const uint32_t seen = periods;
        uint32_t value = SYST_CVR;
        const uint32_t pended = (SCB_ICSR & ICSR_PENDSTSET) != 0u ? 1u : 0u;
        if (pended != 0u) {
            value = SYST_CVR; /* the period ended about now: this value is surely of the new one */
        }
        if (seen == periods) {
            return before + (uint64_t)(seen + pended) * PERIOD + ((0u - value) & MASK);
        }
    }
}

void pose_systick_stop(void)
{
    SYST_CSR = SYST_CSR_CORE_CLOCK;
    cortexm_barrier();
    before = pose_systick_ticks();
    periods = 0;
    SYST_CVR = 0;
    SCB_ICSR = 1u << 25; /* PENDSTCLR */
}

void pose_systick_start(void)
{
    pose_systick_stop();
    SYST_RVR = MASK;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_ENABLE | SYST_CSR_TICKINT | SYST_CSR_CORE_CLOCK;
}

void pose_systick_idle(volatile bool *woken)
{
    pose_systick_stop();
    __asm volatile("cpsid i" ::: "memory");
    if (!*woken) {
        __asm volatile("dsb\n\twfi" ::: "memory");
    }
    __asm volatile("cpsie i\n\tisb" ::: "memory");
    *woken = false;
    pose_systick_start();
}
