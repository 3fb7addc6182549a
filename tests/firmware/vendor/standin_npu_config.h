/* Stand-in of ll_aton_config.h and of what ll_aton_platform.h takes from the device: the build must choose, and nothing chooses for it. */
#ifndef STANDIN_NPU_CONFIG_H
#define STANDIN_NPU_CONFIG_H

#define LL_ATON_PLAT_STM32N6 12
#define LL_ATON_OSAL_BARE_METAL 1
#define LL_ATON_RT_POLLING 1
#define LL_ATON_RT_ASYNC 2
#if LL_ATON_PLATFORM != LL_ATON_PLAT_STM32N6 || LL_ATON_OSAL != LL_ATON_OSAL_BARE_METAL
#error "The build must choose platform and operating system."
#endif
#if LL_ATON_RT_MODE != LL_ATON_RT_POLLING && LL_ATON_RT_MODE != LL_ATON_RT_ASYNC
#error "The build must choose a mode."
#endif
#ifndef LL_ATON_DBG_BUFFER_INFO_EXCLUDED
#define LL_ATON_DBG_BUFFER_INFO_EXCLUDED 0
#endif

#include "stm32n6xx.h"
#if STANDIN_GENERATION < 4
#include "mcu_cache.h"
#else
#define CDNN0_IRQn NPU0_IRQn
#endif

#if defined(CPU_IN_SECURE_STATE)
#define ATON_BASE NPU_BASE_S
#else
#define ATON_BASE NPU_BASE_NS
#endif
#if defined(__arm__)
_Static_assert(ATON_BASE == 0x580E0000u, "the NPU's non-secure alias, which nothing answers at");
#endif
_Static_assert(CDNN0_IRQn == 53, "another interrupt than the NPU's");

#endif
