/* The protocol through a block of RAM that a debug probe reads and writes (PROTOCOL.md, "SWD mailbox"). */
#ifndef POSE_MAILBOX_H
#define POSE_MAILBOX_H

#include "pose/link.h"

#define POSE_MAILBOX_MAGIC 0x584D4250u
#define POSE_MAILBOX_VERSION 1u

struct pose_mailbox {
    volatile uint32_t magic, version, capacity, boot;
    volatile uint32_t h2d_seq, h2d_len, h2d_ack, asleep;
    volatile uint32_t d2h_seq, d2h_len, d2h_ack, ringing;
    volatile uint32_t fault_exception, fault_pc, fault_lr, fault_cfsr;
};
_Static_assert(sizeof(struct pose_mailbox) == 0x40, "mailbox header");

struct pose_mailbox_link {
    struct pose_link base;
    struct pose_mailbox *box;
    uint8_t *h2d, *d2h;
    uint32_t written;
};

/* Lays the mailbox out in `bytes` bytes at `box` (16-byte aligned) and announces it. */
void pose_mailbox_link_init(struct pose_mailbox_link *mailbox, struct pose_mailbox *box, uint32_t bytes,
                            int (*stalled)(struct pose_link *link));
/* Says that the device is about to sleep. Returns true when a message is waiting: do not sleep. */
bool pose_mailbox_sleep(struct pose_mailbox_link *mailbox);
/* Says that the device is awake, and waits (bounded) until no ring is under way that could come into a measurement. */
void pose_mailbox_wake(struct pose_mailbox_link *mailbox);

#endif
