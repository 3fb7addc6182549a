/* What reg_model.c gives a test. */
#ifndef POSE_STM32_REG_MODEL_H
#define POSE_STM32_REG_MODEL_H

#include <stdint.h>

typedef uint32_t pose_reg_model_read(uint32_t address);
typedef void pose_reg_model_write(uint32_t address, uint32_t value);

/* Both must be set before any code that uses registers is called. */
void pose_reg_model_set(pose_reg_model_read *read, pose_reg_model_write *write);

/* The same for accesses of one byte, where the code has any. */
void pose_reg_model_set_bytes(pose_reg_model_read *read, pose_reg_model_write *write);

#endif
