/* What mps.c needs to know of a board, and what the boards have in common of their memory map: mailbox, then the input slots. */
#ifndef POSE_MPS_H
#define POSE_MPS_H

#include "boards/common/cmsdk_uart.h"
#include "boards/common/sections.h"
#include "pose/board.h"

struct mps_board {
    struct cmsdk_uart uart;
    uint32_t uart_rx_irq;
    uint32_t doorbell_irq; /* connected to nothing; the host pends it in the NVIC */
};
extern const struct mps_board mps_board;
extern const struct pose_board_info mps_board_info;

#define MPS_MAILBOX 0x60000000u
#define MPS_MAILBOX_DATA_BYTES (1u << 20)
#define MPS_MAILBOX_BYTES (0x40u + 2u * MPS_MAILBOX_DATA_BYTES)
#define MPS_SLOTS (MPS_MAILBOX + MPS_MAILBOX_BYTES)
#define MPS_SLOTS_BYTES (0x60400000u - MPS_SLOTS) /* the rest of the first 4 MiB: behind them lies the mps2's network */
#define MPS_STALL_S 300u /* of guest time, which runs some times faster than the host's clock */

/* The fields of struct pose_board_info that the boards share. clock: of the core and of SysTick. */
#define MPS_INFO(clock)                                                                                                     \
    .clock_hz = (clock), .tick_hz = (clock), .time_source = POSE_TIME_TIMER, .slot_block = (uint8_t *)MPS_SLOTS,            \
    .slot_block_bytes = MPS_SLOTS_BYTES, .mailbox = (struct pose_mailbox *)MPS_MAILBOX, .mailbox_bytes = MPS_MAILBOX_BYTES, \
    .stall_ticks = (uint64_t)MPS_STALL_S * (clock), POSE_INFO_SECTIONS

#endif
