/* Level 1 caches of a Cortex-M7 or M55. */
#ifndef POSE_STM32_CACHE_H
#define POSE_STM32_CACHE_H

/* Invalidates and enables both caches; a cache that is already on stays as it is. */
void stm32_caches_enable(void);

#endif
