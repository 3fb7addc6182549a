/* Memory map of the STM32N6 boards; family.ld and the host's board catalog say the same. Image, slots and mailbox share the first MiB: FLEXRAM and
 * AXISRAM1. All addresses are the secure aliases. */
#ifndef POSE_STM32N6_MAP_H
#define POSE_STM32N6_MAP_H

#include "boards/common/sections.h"
#include "boards/stm32n6/n6.h"
#include "pose/board.h"

#define N6_MAILBOX 0x34070000u
#define N6_MAILBOX_BYTES (64u << 10)
#define N6_SLOTS 0x34080000u
#ifdef N6_LINKED /* linked.ld has data and stack in the second half */
#define N6_SLOTS_BYTES (256u << 10)
#else
#define N6_SLOTS_BYTES (512u << 10)
#endif
#ifdef POSE_ARENA /* of the build: what a generated network's memory pools leave */
#define N6_ARENA POSE_ARENA
#define N6_ARENA_BYTES POSE_ARENA_BYTES
#else
#define N6_ARENA 0x34100000u /* AXISRAM2 to AXISRAM6 follow each other */
#define N6_ARENA_BYTES ((1024u + 4u * 448u) << 10)
#endif
#define N6_NETWORK (N6_NOR_WINDOW + 0x01000000u) /* where ST's tools put the weights */
#define N6_NETWORK_BYTES (16u << 20)
#define N6_STALL_S 10u
#define N6_DEVICE_ID 0x486u

/* The fields of struct pose_board_info that both boards share. Clock and time source are those of the start, until pose_board_init() knows better. */
#define N6_INFO                                                                                                                         \
    .clock_hz = N6_HSI_HZ, .tick_hz = N6_HSI_HZ, .time_source = POSE_TIME_DWT, .network = (const void *)N6_NETWORK,                     \
    .network_max_bytes = N6_NETWORK_BYTES, .arena = (void *)N6_ARENA, .arena_bytes = N6_ARENA_BYTES, .slot_block = (uint8_t *)N6_SLOTS, \
    .slot_block_bytes = N6_SLOTS_BYTES, .mailbox = (struct pose_mailbox *)N6_MAILBOX, .mailbox_bytes = N6_MAILBOX_BYTES,                \
    .stall_ticks = (uint64_t)N6_STALL_S * N6_HSI_HZ, .device_id = N6_DEVICE_ID, POSE_INFO_SECTIONS

extern struct pose_board_info n6_info; /* of the board */
/* memories.c, after the NOR: starts the PSRAM, and tells of all memories in n6_info. True: there is a PSRAM, and it works. */
bool n6_memories_start(uint32_t hclk_hz);

#endif
