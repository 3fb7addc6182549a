/* Memory map of the STM32H743 and H747 boards (RM0433, RM0399); board.ld and the host's board catalog say the same. Code has the first flash
 * sector, stack and data the DTCM. Where the network, its arena and the input slots are, a board's info.c says. */
#ifndef POSE_STM32H7_MAP_H
#define POSE_STM32H7_MAP_H

#include "boards/common/sections.h"
#include "boards/stm32h7/h7.h"
#include "pose/board.h"

#define H7_AXI_SRAM 0x24000000u
#define H7_AXI_SRAM_BYTES (512u << 10)
#define H7_D2_SRAM 0x30000000u
#define H7_D2_SRAM_BYTES (288u << 10)
#ifdef H7_NETWORK_IN_CODE /* linked.ld */
#define H7_NETWORK_BYTES(kib) 0u
#else
#define H7_NETWORK_BYTES(kib) ((kib) << 10)
#endif
#define H7_STALL_S 10u

/* The fields of struct pose_board_info that both boards share. Clock and time source are those of the start, until pose_board_init() knows better. */
#define H7_INFO                                                                                                              \
    .clock_hz = H7_HSI_HZ, .tick_hz = H7_HSI_HZ, .time_source = POSE_TIME_DWT, .mailbox = (struct pose_mailbox *)H7_MAILBOX, \
    .mailbox_bytes = H7_MAILBOX_BYTES, .stall_ticks = (uint64_t)H7_STALL_S * H7_HSI_HZ, .device_id = 0x450u, POSE_INFO_SECTIONS

/* The memories inside the microcontroller that hold the arena and the input slots. */
#define H7_INTERNAL_ARENA .arena = (void *)H7_AXI_SRAM, .arena_bytes = H7_AXI_SRAM_BYTES
#define H7_INTERNAL_SLOTS .slot_block = (uint8_t *)H7_D2_SRAM, .slot_block_bytes = H7_D2_SRAM_BYTES

extern struct pose_board_info h7_info; /* of the board */

#endif
