/* Armv8-M cache maintenance by address (Armv8-M Architecture Reference Manual, DCCMVAC and DCIMVAC). */
#include "backends/aton/cache.h"

#include "pose/vendor.h"

#define LINE_BYTES 32u

#if defined(__arm__)
#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define SCB_CCR REG(0xE000ED14u)
#define CCR_DC (1u << 16)
#define DCIMVAC 0xE000EF5Cu
#define DCCMVAC 0xE000EF68u

static void maintain(uint32_t operation, const void *start, uint32_t bytes)
{
    if ((SCB_CCR & CCR_DC) == 0u || bytes == 0u) {
        return;
    }
    const uintptr_t end = (uintptr_t)start + bytes;
    __asm volatile("dsb 0xF" ::: "memory");
    for (uintptr_t line = (uintptr_t)start & ~(uintptr_t)(LINE_BYTES - 1u); line < end; line += LINE_BYTES) {
        REG(operation) = (uint32_t)line;
    }
    __asm volatile("dsb 0xF\n\tisb 0xF" ::: "memory");
}

void pose_cache_clean(const void *start, uint32_t bytes)
{
    maintain(DCCMVAC, start, bytes);
}

void pose_cache_invalidate(const void *start, uint32_t bytes)
{
    maintain(DCIMVAC, start, bytes);
}
#else
void pose_cache_clean(const void *start, uint32_t bytes)
{
    (void)start;
    (void)bytes;
}

void pose_cache_invalidate(const void *start, uint32_t bytes)
{
    (void)start;
    (void)bytes;
}
#endif

/* Without an NPU there is no cache of its (boards/stm32n6/npu.c has one). */
__attribute__((weak)) void npu_cache_invalidate(void)
{
}

__attribute__((weak)) void npu_cache_clean_range(uint32_t start, uint32_t end)
{
    (void)start;
    (void)end;
}

__attribute__((weak)) void npu_cache_clean_invalidate_range(uint32_t start, uint32_t end)
{
    (void)start;
    (void)end;
}
