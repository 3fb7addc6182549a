/* Memory map of the STM32H7R and H7S boards (RM0477); board.ld and the host's board catalog say the same. Image, data, slots and arena share the 456 KiB of
 * AXI SRAM; the stack is in the DTCM. */
#ifndef POSE_STM32H7RS_MAP_H
#define POSE_STM32H7RS_MAP_H

#include "boards/common/sections.h"
#include "boards/stm32h7rs/h7rs.h"
#include "pose/board.h"

#define H7RS_SLOTS 0x24034000u
#define H7RS_SLOTS_BYTES (108u << 10) /* a picture of 192 x 192 */
#define H7RS_ARENA 0x2404F000u
#define H7RS_ARENA_BYTES (140u << 10)
#define H7RS_NETWORK (H7RS_NOR_WINDOW + 0x01000000u) /* what a demonstration keeps at the start of the NOR stays */
#define H7RS_NETWORK_BYTES (16u << 20)
#define H7RS_STALL_S 10u
#define H7RS_DEVICE_ID 0x485u

/* The fields of struct pose_board_info that boards share. Clock and time source are those of the start, until pose_board_init() knows better. */
#define H7RS_INFO                                                                                                              \
    .clock_hz = H7RS_HSI_HZ, .tick_hz = H7RS_HSI_HZ, .time_source = POSE_TIME_DWT, .network = (const void *)H7RS_NETWORK,      \
    .network_max_bytes = H7RS_NETWORK_BYTES, .arena = (void *)H7RS_ARENA, .arena_bytes = H7RS_ARENA_BYTES,                     \
    .slot_block = (uint8_t *)H7RS_SLOTS, .slot_block_bytes = H7RS_SLOTS_BYTES, .mailbox = (struct pose_mailbox *)H7RS_MAILBOX, \
    .mailbox_bytes = H7RS_MAILBOX_BYTES, .stall_ticks = (uint64_t)H7RS_STALL_S * H7RS_HSI_HZ, .device_id = H7RS_DEVICE_ID,     \
    POSE_INFO_SECTIONS

extern struct pose_board_info h7rs_info; /* of the board */

#endif
