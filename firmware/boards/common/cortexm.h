/* The few Cortex-M system registers that every board needs (Armv7-M and Armv8-M Architecture Reference Manuals, system control space). */
#ifndef POSE_CORTEXM_H
#define POSE_CORTEXM_H

#include <stdint.h>

#define POSE_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define SYST_CSR POSE_REG(0xE000E010u)
#define SYST_RVR POSE_REG(0xE000E014u)
#define SYST_CVR POSE_REG(0xE000E018u)
#define NVIC_ISER(n) POSE_REG(0xE000E100u + 4u * (n))
#define NVIC_ICER(n) POSE_REG(0xE000E180u + 4u * (n))
#define SCB_CPUID POSE_REG(0xE000ED00u)
#define SCB_ICSR POSE_REG(0xE000ED04u)
#define SCB_VTOR POSE_REG(0xE000ED08u)
#define SCB_AIRCR POSE_REG(0xE000ED0Cu)
#define SCB_CCR POSE_REG(0xE000ED14u)
#define SCB_SHCSR POSE_REG(0xE000ED24u)
#define SCB_CFSR POSE_REG(0xE000ED28u)
#define SCB_HFSR POSE_REG(0xE000ED2Cu)
#define SCB_MMFAR POSE_REG(0xE000ED34u)
#define SCB_BFAR POSE_REG(0xE000ED38u)
#define SCB_CPACR POSE_REG(0xE000ED88u)
#define SCB_DCCIMVAC POSE_REG(0xE000EF70u) /* cleans and invalidates the line of an address */
#define FPU_MVFR0 POSE_REG(0xE000EF40u) /* 0: no FPU */

#define SYST_CSR_ENABLE 1u
#define SYST_CSR_TICKINT 2u
#define SYST_CSR_CORE_CLOCK 4u
#define ICSR_PENDSTSET (1u << 26)
#define AIRCR_RESET 0x05FA0004u
#define CCR_DIV_0_TRP (1u << 4)
#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)
#define SHCSR_FAULTS (7u << 16) /* MemManage, BusFault, UsageFault */
#define CACHE_LINE_BYTES 32u /* of Cortex-M7 and M55 */
#define CPACR_FPU (0xFu << 20)

static inline void cortexm_barrier(void)
{
    __asm volatile("dsb 0xF\n\tisb 0xF" ::: "memory");
}

static inline void cortexm_irq_enable(uint32_t irq)
{
    NVIC_ISER(irq / 32u) = 1u << (irq % 32u);
}

static inline void cortexm_irq_disable(uint32_t irq)
{
    NVIC_ICER(irq / 32u) = 1u << (irq % 32u);
    cortexm_barrier();
}

#endif
