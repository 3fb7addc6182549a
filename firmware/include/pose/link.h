/* One way to the host: it carries whole messages (PROTOCOL.md) and knows nothing of them. */
#ifndef POSE_LINK_H
#define POSE_LINK_H

#include <stdbool.h>
#include <stdint.h>

struct pose_link;

struct pose_link_ops {
    /* Takes in what has arrived, without waiting. True: *size bytes of a whole message are at *data until release(). */
    bool (*receive)(struct pose_link *link, const uint8_t **data, uint32_t *size);
    void (*release)(struct pose_link *link);
    /* An answer is begin, writes of `size` bytes in all, end. Each waits while the host does not take bytes, calling stalled(); when
     * that returns a negative status the answer is given up, the status is returned, and the next begin() starts a fresh one. */
    int (*begin)(struct pose_link *link, uint32_t size);
    int (*write)(struct pose_link *link, const void *data, uint32_t size);
    int (*end)(struct pose_link *link);
    /* Waits until the host has taken what was sent. */
    int (*drain)(struct pose_link *link);
};

struct pose_link {
    const struct pose_link_ops *ops;
    uint32_t max_message;
    uint32_t window;  /* bytes of unanswered requests, as they go over the line, that the link holds; 0: one request at a time */
    uint32_t dropped; /* frames that were no message */
    int (*stalled)(struct pose_link *link);
    bool is_stalled; /* cleared by the link whenever the host takes something */
    uint64_t stalled_since;
};

#endif
