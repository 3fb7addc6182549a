/* What ST's NPU runtime takes from the CMSIS headers of the STM32N6, for packages that come without them: interrupts, barriers, the core's data cache
 * and where the NPU is (Armv8-M Architecture Reference Manual, DDI 0553, B11, B15; RM0486, memory map and interrupts). The build puts this folder
 * behind the package's own. On the host, where stand-ins run, none of it does anything. */
#ifndef POSE_STM32N6XX_H
#define POSE_STM32N6XX_H

#include <stdint.h>

#ifndef __STATIC_FORCEINLINE
#define __STATIC_FORCEINLINE __attribute__((always_inline)) static inline
#endif
#ifndef __STATIC_INLINE
#define __STATIC_INLINE static inline
#endif
#ifndef __WEAK
#define __WEAK __attribute__((weak))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif

#if defined(__ARM_FEATURE_CMSE) && (__ARM_FEATURE_CMSE == 3u)
#define CPU_IN_SECURE_STATE
#endif
#define NPU_BASE_NS 0x480E0000u
#define NPU_BASE_S 0x580E0000u

typedef enum { NPU0_IRQn = 53, NPU1_IRQn = 54, NPU2_IRQn = 55, NPU3_IRQn = 56 } IRQn_Type;

#if defined(__arm__)
#define POSE_INSTRUCTION(text) __asm volatile(text::: "memory")
#define POSE_PPB(address) ((volatile uint32_t *)(uintptr_t)(address))
#else
#define POSE_INSTRUCTION(text) __asm volatile("" ::: "memory")
static uint32_t pose_no_register;
#define POSE_PPB(address) ((void)(address), (volatile uint32_t *)&pose_no_register)
#endif

__STATIC_FORCEINLINE void __DSB(void)
{
    POSE_INSTRUCTION("dsb 0xF");
}

__STATIC_FORCEINLINE void __ISB(void)
{
    POSE_INSTRUCTION("isb 0xF");
}

__STATIC_FORCEINLINE void __DMB(void)
{
    POSE_INSTRUCTION("dmb 0xF");
}

__STATIC_FORCEINLINE void __WFE(void)
{
    POSE_INSTRUCTION("wfe");
}

__STATIC_FORCEINLINE void __NOP(void)
{
    POSE_INSTRUCTION("");
}

/* Bit `irq` of a set or clear register of the NVIC. */
__STATIC_INLINE void pose_nvic(uint32_t base, IRQn_Type irq)
{
    *POSE_PPB(base + 4u * ((uint32_t)irq >> 5)) = 1u << ((uint32_t)irq & 31u);
}

__STATIC_INLINE void NVIC_EnableIRQ(IRQn_Type irq)
{
    __asm volatile("" ::: "memory");
    pose_nvic(0xE000E100u, irq);
    __asm volatile("" ::: "memory");
}

__STATIC_INLINE void NVIC_DisableIRQ(IRQn_Type irq)
{
    pose_nvic(0xE000E180u, irq);
    __DSB();
    __ISB();
}

__STATIC_INLINE void NVIC_ClearPendingIRQ(IRQn_Type irq)
{
    pose_nvic(0xE000E280u, irq);
}

__STATIC_INLINE void NVIC_SetPriority(IRQn_Type irq, uint32_t priority)
{
    volatile uint32_t *word = POSE_PPB(0xE000E400u + ((uint32_t)irq & ~3u)); /* 4 bits of each byte */
    const uint32_t shift = 8u * ((uint32_t)irq & 3u) + 4u;
    *word = (*word & ~(0xFu << shift)) | (priority & 0xFu) << shift;
}

/* The data cache of the core, line by line; the whole of it by set and way. */
#define __DCACHE_PRESENT 1u
typedef struct {
    volatile uint32_t CPUID, ICSR, VTOR, AIRCR, SCR, CCR;
} SCB_Type;
#if defined(__arm__)
#define SCB ((SCB_Type *)(uintptr_t)0xE000ED00u)
#else
static SCB_Type pose_no_scb;
#define SCB (&pose_no_scb)
#endif
#define SCB_CCR_DC_Msk (1u << 16)
#define SCB_CCR_IC_Msk (1u << 17)
#define POSE_SCB(offset) (*POSE_PPB(0xE000ED00u + (offset)))
#define POSE_CCSIDR 0x080u
#define POSE_CSSELR 0x084u
#define POSE_DCIMVAC 0x25Cu
#define POSE_DCISW 0x260u
#define POSE_DCCMVAC 0x268u
#define POSE_DCCSW 0x26Cu
#define POSE_DCCIMVAC 0x270u
#define POSE_DCCISW 0x274u
#define POSE_LINE_BYTES 32u

__STATIC_INLINE void pose_dcache_range(uint32_t operation, volatile void *start, int32_t bytes)
{
    const uintptr_t end = (uintptr_t)start + (uint32_t)bytes;
    if (bytes <= 0) {
        return;
    }
    __DSB();
    for (uintptr_t line = (uintptr_t)start & ~(uintptr_t)(POSE_LINE_BYTES - 1u); line < end; line += POSE_LINE_BYTES) {
        POSE_SCB(operation) = (uint32_t)line;
    }
    __DSB();
    __ISB();
}

__STATIC_INLINE void pose_dcache_all(uint32_t operation)
{
    POSE_SCB(POSE_CSSELR) = 0; /* the first level's data cache */
    __DSB();
    const uint32_t size = POSE_SCB(POSE_CCSIDR);
    const uint32_t last_set = size >> 13 & 0x7FFFu;
    const uint32_t last_way = size >> 3 & 0x3FFu;
    const uint32_t way_shift = last_way == 0u ? 0u : (uint32_t)__builtin_clz(last_way);
    for (uint32_t set = 0; set <= last_set; set++) {
        for (uint32_t way = 0; way <= last_way; way++) {
            POSE_SCB(operation) = way << way_shift | set << 5;
        }
    }
    __DSB();
    __ISB();
}

__STATIC_INLINE void SCB_InvalidateDCache(void)
{
    pose_dcache_all(POSE_DCISW);
}

__STATIC_INLINE void SCB_CleanDCache(void)
{
    pose_dcache_all(POSE_DCCSW);
}

__STATIC_INLINE void SCB_CleanInvalidateDCache(void)
{
    pose_dcache_all(POSE_DCCISW);
}

__STATIC_INLINE void SCB_InvalidateDCache_by_Addr(volatile void *start, int32_t bytes)
{
    pose_dcache_range(POSE_DCIMVAC, start, bytes);
}

__STATIC_INLINE void SCB_CleanDCache_by_Addr(volatile void *start, int32_t bytes)
{
    pose_dcache_range(POSE_DCCMVAC, start, bytes);
}

__STATIC_INLINE void SCB_CleanInvalidateDCache_by_Addr(volatile void *start, int32_t bytes)
{
    pose_dcache_range(POSE_DCCIMVAC, start, bytes);
}

/* The board switches the caches (boards/stm32/cache.c); the runtime has functions for it that nothing here calls. */
__STATIC_INLINE void SCB_EnableDCache(void)
{
}

__STATIC_INLINE void SCB_DisableDCache(void)
{
}

__STATIC_INLINE void SCB_EnableICache(void)
{
}

__STATIC_INLINE void SCB_DisableICache(void)
{
}

#endif
