/* SWD mailbox, see pose/mailbox.h. */
#include "pose/mailbox.h"

#include <string.h>

#include "pose/board.h"
#include "pose/status.h"

static bool mailbox_receive(struct pose_link *link, const uint8_t **data, uint32_t *size)
{
    struct pose_mailbox_link *mailbox = (struct pose_mailbox_link *)link;
    struct pose_mailbox *box = mailbox->box;
    pose_board_barrier();
    if (box->h2d_seq == box->h2d_ack) {
        return false;
    }
    pose_board_barrier();
    *data = mailbox->h2d;
    *size = box->h2d_len;
    if (*size > link->max_message) {
        link->dropped++;
        link->ops->release(link);
        return false;
    }
    return true;
}

static void mailbox_release(struct pose_link *link)
{
    struct pose_mailbox *box = ((struct pose_mailbox_link *)link)->box;
    pose_board_barrier();
    box->h2d_ack = box->h2d_seq;
    pose_board_barrier();
}

static int mailbox_drain(struct pose_link *link)
{
    struct pose_mailbox *box = ((struct pose_mailbox_link *)link)->box;
    pose_board_barrier();
    while (box->d2h_ack != box->d2h_seq) {
        const int status = link->stalled(link);
        if (status != POSE_OK) {
            return status;
        }
        pose_board_barrier();
    }
    link->is_stalled = false;
    return POSE_OK;
}

static int mailbox_begin(struct pose_link *link, uint32_t size)
{
    if (size > link->max_message) {
        return POSE_ERR_LENGTH;
    }
    ((struct pose_mailbox_link *)link)->written = 0;
    return mailbox_drain(link);
}

static int mailbox_write(struct pose_link *link, const void *data, uint32_t size)
{
    struct pose_mailbox_link *mailbox = (struct pose_mailbox_link *)link;
    if (size > link->max_message - mailbox->written) {
        return POSE_ERR_LENGTH;
    }
    memcpy(mailbox->d2h + mailbox->written, data, size);
    mailbox->written += size;
    return POSE_OK;
}

static int mailbox_end(struct pose_link *link)
{
    struct pose_mailbox_link *mailbox = (struct pose_mailbox_link *)link;
    mailbox->box->d2h_len = mailbox->written;
    pose_board_barrier();
    mailbox->box->d2h_seq = mailbox->box->d2h_seq + 1u;
    pose_board_barrier();
    return POSE_OK;
}

bool pose_mailbox_sleep(struct pose_mailbox_link *mailbox)
{
    struct pose_mailbox *box = mailbox->box;
    box->asleep = 1u;
    pose_board_barrier(); /* the host writes h2d_seq, then reads asleep; we write asleep, then read h2d_seq: one of us sees the other */
    return box->h2d_seq != box->h2d_ack;
}

void pose_mailbox_wake(struct pose_mailbox_link *mailbox)
{
    struct pose_mailbox *box = mailbox->box;
    const uint64_t start = pose_board_ticks();
    box->asleep = 0u;
    pose_board_barrier(); /* the host writes ringing, then reads asleep; we write asleep, then read ringing */
    /* A host that died while ringing must not hold us for good. */
    while (box->ringing != 0u && pose_board_ticks() - start < pose_board_info()->tick_hz) {
        pose_board_barrier();
    }
}

void pose_mailbox_link_init(struct pose_mailbox_link *mailbox, struct pose_mailbox *box, uint32_t bytes,
                            int (*stalled)(struct pose_link *link))
{
    static const struct pose_link_ops ops = {mailbox_receive, mailbox_release, mailbox_begin, mailbox_write, mailbox_end, mailbox_drain};
    const uint32_t capacity = ((bytes - (uint32_t)sizeof *box) / 2u) & ~15u;
    mailbox->base = (struct pose_link){.ops = &ops, .max_message = capacity, .stalled = stalled};
    mailbox->box = box;
    mailbox->h2d = (uint8_t *)box + sizeof *box;
    mailbox->d2h = mailbox->h2d + capacity;
    mailbox->written = 0;
    box->magic = 0;
    box->version = POSE_MAILBOX_VERSION;
    box->capacity = capacity;
    box->boot = box->boot + 1u;
    box->h2d_seq = 0;
    box->h2d_len = 0;
    box->h2d_ack = 0;
    box->asleep = 0;
    box->d2h_seq = 0;
    box->d2h_len = 0;
    box->d2h_ack = 0;
    box->ringing = 0;
    box->fault_exception = 0;
    box->fault_pc = 0;
    box->fault_lr = 0;
    box->fault_cfsr = 0;
    pose_board_barrier();
    box->magic = POSE_MAILBOX_MAGIC;
    pose_board_barrier();
}
