/* What a board gives the firmware: the whole port, one file per board (firmware/boards/<family>/<board>/board.c). */
#ifndef POSE_BOARD_H
#define POSE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pose_time_source { POSE_TIME_DWT = 1, POSE_TIME_TIMER = 2, POSE_TIME_HOST = 3 };

struct pose_board_info {
    const char *name; /* the catalog's name, at most 31 bytes */
    const char *mcu;  /* at most 31 bytes */
    uint32_t clock_hz;
    uint32_t tick_hz;
    uint8_t time_source; /* enum pose_time_source */
    const void *network; /* where the network image is flashed */
    uint32_t network_max_bytes;
    void *arena; /* 16-byte aligned */
    uint32_t arena_bytes;
    uint8_t *slots[2]; /* input slots, 16-byte aligned */
    uint32_t slot_bytes;
    struct pose_mailbox *mailbox; /* NULL: no SWD mailbox */
    uint32_t mailbox_bytes;       /* header and both data areas */
    uint32_t *stack_bottom, *stack_top; /* painted at start-up */
};

const struct pose_board_info *pose_board_info(void);
void pose_board_init(void);
uint64_t pose_board_ticks(void); /* monotonic, never wraps in practice */
/* Serial: never block. read returns the bytes taken (0: none). write returns the bytes accepted. */
size_t pose_board_serial_read(uint8_t *data, size_t max);
size_t pose_board_serial_write(const uint8_t *data, size_t size);
/* Sleeps until an interrupt (byte received, mailbox doorbell). May return at once. */
void pose_board_idle(void);
void pose_board_barrier(void); /* data memory barrier; cleans and invalidates the mailbox where it is cached */
void pose_board_unique_id(uint8_t id[16]);
void pose_board_reset(void); /* does not return on hardware */

#endif
