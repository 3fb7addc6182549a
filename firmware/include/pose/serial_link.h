/* The protocol over a byte stream: COBS frames on the board's serial port. */
#ifndef POSE_SERIAL_LINK_H
#define POSE_SERIAL_LINK_H

#include "pose/cobs.h"
#include "pose/link.h"

/* A board with little RAM defines its own (board.cmake); HELLO tells the host. The longest answer that is not split is a PROFILE. */
#ifndef POSE_SERIAL_MAX_MESSAGE
#define POSE_SERIAL_MAX_MESSAGE 8192u
#endif
_Static_assert(POSE_SERIAL_MAX_MESSAGE >= 1024u, "every answer that is not split fits");
#define POSE_SERIAL_MAX_FRAME (POSE_SERIAL_MAX_MESSAGE + POSE_SERIAL_MAX_MESSAGE / 254u + 2u)
/* A board's receive buffer. The host sends frames of a quarter of the window, so a line of B bytes a second is never idle while round trip and whatever keeps
 * the device from looking (an operator that runs) last no longer than three quarters of the window / B: 131 ms at 921,600 baud. */
#ifndef POSE_SERIAL_RING_BYTES
#define POSE_SERIAL_RING_BYTES 16384u
#endif
/* HELLO's window. The host does not count the rest: empty frames, and what an earlier host has left behind. */
#define POSE_SERIAL_RESERVE 256u
#define POSE_SERIAL_WINDOW (POSE_SERIAL_RING_BYTES - POSE_SERIAL_RESERVE)
_Static_assert(POSE_SERIAL_WINDOW >= POSE_SERIAL_MAX_FRAME, "receive buffer holds every request");

/* Another protocol on the same port: it sees every byte and finds its own messages (PROTOCOL.md, "ST's validation protocol"). */
enum pose_tap_result {
    POSE_TAP_FREE,  /* the byte may be a frame's */
    POSE_TAP_TAKEN, /* it is the tap's alone */
    POSE_TAP_CLAIMED /* it completes a packet: the POSE_SERIAL_TAP_BYTES up to it are no frame's */
};
struct pose_serial_tap {
    enum pose_tap_result (*take)(struct pose_serial_tap *tap, uint8_t byte);
    /* A frame has come: what was before it is no packet. */
    void (*forget)(struct pose_serial_tap *tap);
    bool inside;  /* the next bytes are the tap's, and no frame's, unless it refuses them */
    bool sharing; /* inside, but a frame is looked for all the same */
    bool settled; /* what was shared is the tap's: no frame is looked for in it any more */
    bool waiting; /* its owner has something to do: no byte is read meanwhile */
};
#define POSE_SERIAL_TAP_BYTES 33u

struct pose_serial_link {
    struct pose_link base;
    struct pose_serial_tap *tap; /* NULL: none */
    uint64_t recent_drops;       /* bit n: the n-th last byte ended a frame that was dropped */
    struct pose_cobs_decoder decoder;
    struct pose_cobs_encoder encoder;
    bool have;   /* a message is in rx */
    bool broken; /* an answer was given up in the middle */
    uint8_t rx[POSE_SERIAL_MAX_MESSAGE];
};

void pose_serial_link_init(struct pose_serial_link *serial, int (*stalled)(struct pose_link *link));
/* Sends bytes that are no frame of ours. Waits as an answer does. */
int pose_serial_send(struct pose_serial_link *serial, const uint8_t *data, size_t size);

#endif
