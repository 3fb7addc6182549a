/* Stand-in of mcu_cache.h of 4.0. */
#ifndef MCU_CACHE_H
#define MCU_CACHE_H

#include <stdint.h>

int mcu_cache_clean_range(uint32_t start_addr, uint32_t end_addr);

#endif
