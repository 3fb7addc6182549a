/* The clock of the CRC unit: a bit of an RCC enable register, which firmware/backends/linked.cmake knows by family (RM0090, RM0433, RM0486). */
#include "boards/stm32/reg.h"
#include "pose/vendor.h"

void pose_board_crc_start(void)
{
    reg_set(POSE_CRC_ENABLE, 1u << POSE_CRC_BIT);
    (void)reg_read(POSE_CRC_ENABLE);
}
