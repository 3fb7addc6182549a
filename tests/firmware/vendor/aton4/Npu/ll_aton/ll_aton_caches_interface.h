/* Stand-in of ll_aton_caches_interface.h of 4.0: the caches' headers come by it, and no longer with the platform's. */
#ifndef LL_ATON_CACHES_INTERFACE_H
#define LL_ATON_CACHES_INTERFACE_H

#include "mcu_cache.h"

static inline void LL_ATON_Cache_MCU_Clean_Range(uintptr_t virtual_addr, uint32_t size)
{
    (void)mcu_cache_clean_range((uint32_t)virtual_addr, (uint32_t)virtual_addr + size);
}

#endif
