#include "stm32n6xx_hal_cacheaxi.h"
#error "Needs the HAL."
