/* Stand-in of mcu_cache.h of 2.1, which asks for the HAL; its version has the names of the NPU's interrupts. */
#ifndef MCU_CACHE_H
#define MCU_CACHE_H

#include "stm32n6xx_hal.h"

#if (__STM32N6xx_HAL_VERSION >> 8) < 0x200
#define CDNN0_IRQn NPU_END_OF_EPOCH_IRQn
#else
#define CDNN0_IRQn NPU0_IRQn
#endif

int mcu_cache_clean_range(uint32_t start_addr, uint32_t end_addr);

#endif
