/* Memory protection of Armv7-M (DDI 0403, B3.5): registers and the attributes that boards with a Cortex-M7 give their regions. */
#ifndef POSE_STM32_MPU_H
#define POSE_STM32_MPU_H

#define MPU_CTRL 0xE000ED94u
#define MPU_CTRL_ON 5u /* with the default map behind the regions */
#define MPU_RBAR 0xE000ED9Cu
#define MPU_RASR 0xE000EDA0u
#define RBAR_REGION(n) (1u << 4 | (n))
#define RASR_ON 1u
#define RASR_SIZE_LOG2(n) (((n) - 1u) << 1)
#define RASR_WITHOUT_EIGHTHS(bits) ((uint32_t)(bits) << 8)
#define RASR_UNCACHED_MEMORY (1u << 19)
#define RASR_CACHED_MEMORY (1u << 19 | 1u << 17 | 1u << 16) /* write-back; write-through loses data (ES0392, Arm 1259864) */
#define RASR_READ_WRITE (3u << 24)
#define RASR_READ_ONLY (6u << 24)
#define RASR_NEVER_EXECUTED (1u << 28)

#endif
