/* ST's NPU runtime of 2.x asks for the HAL, of which it uses nothing but the device header behind it. The HAL itself would want a configuration
 * (stm32n6xx_hal_conf.h) and drivers of an application. Its version chooses the names of the NPU's interrupts: since 0.2 those of RM0486. */
#ifndef POSE_STM32N6XX_HAL_H
#define POSE_STM32N6XX_HAL_H

#include "stm32n6xx.h"

#ifndef __STM32N6xx_HAL_VERSION
#define __STM32N6xx_HAL_VERSION (1u << 24)
#endif

#endif
