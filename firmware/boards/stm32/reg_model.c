/* Register model of the host build: hands every access to two functions that the test has set (ctypes). Never part of an image. */
#include "boards/stm32/reg_model.h"

#include "boards/stm32/reg.h"

static pose_reg_model_read *model_read;
static pose_reg_model_write *model_write;
static pose_reg_model_read *model_read8;
static pose_reg_model_write *model_write8;

void pose_reg_model_set(pose_reg_model_read *read, pose_reg_model_write *write)
{
    model_read = read;
    model_write = write;
}

void pose_reg_model_set_bytes(pose_reg_model_read *read, pose_reg_model_write *write)
{
    model_read8 = read;
    model_write8 = write;
}

uint32_t reg_read(uint32_t address)
{
    return model_read(address);
}

void reg_write(uint32_t address, uint32_t value)
{
    model_write(address, value);
}

uint32_t reg_read8(uint32_t address)
{
    return model_read8(address);
}

void reg_write8(uint32_t address, uint32_t value)
{
    model_write8(address, value);
}

void reg_barrier(void)
{
}
