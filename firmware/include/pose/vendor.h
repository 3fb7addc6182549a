/* What an STM32 board gives ST's runtimes; other boards leave both out. */
#ifndef POSE_VENDOR_H
#define POSE_VENDOR_H

/* The clock of the CRC unit, which ST's classic runtime library looks for (UM2526): without it, it does not initialise a network. */
void pose_board_crc_start(void);
/* Clock, reset and access rights of the NPU, before ST's runtime touches it. */
void pose_board_npu_start(void);

#endif
