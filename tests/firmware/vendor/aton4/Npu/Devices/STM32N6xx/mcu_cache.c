/* Stand-in of mcu_cache.c. */
#include "mcu_cache.h"

#include "stm32n6xx.h"

int mcu_cache_clean_range(uint32_t start_addr, uint32_t end_addr)
{
    if ((SCB->CCR & SCB_CCR_DC_Msk) != 0u) {
        SCB_CleanDCache_by_Addr((volatile void *)(uintptr_t)start_addr, (int32_t)(end_addr - start_addr));
    }
    return 0;
}
