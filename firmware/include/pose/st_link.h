/* The link of ST's validation protocol on the serial port that carries our frames too (PROTOCOL.md, "ST's validation protocol"): packets of 33
 * bytes (generation A) or 34 (generations B and C), a credit byte per packet towards the device. It finds the packets among the frames and tells
 * the generations apart; it sends what it is told to. */
#ifndef POSE_ST_LINK_H
#define POSE_ST_LINK_H

#include "pose/serial_link.h"
#include "pose/st_message.h"

#define POSE_ST_PAYLOAD 32u
/* A packet without the upper byte of a two-byte header, which is 0 towards the device: what both kinds have in common. */
#define POSE_ST_PACKET (1u + POSE_ST_PAYLOAD)
#define POSE_ST_WIDE_PACKET (1u + POSE_ST_PACKET)
#define POSE_ST_LEAD 4u
_Static_assert(POSE_ST_PACKET == POSE_SERIAL_TAP_BYTES, "a packet is what the port's tap claims");

enum pose_st_event { POSE_ST_NOTHING, POSE_ST_CREDIT, POSE_ST_MESSAGE, POSE_ST_BROKEN };

struct pose_st_link {
    struct pose_serial_tap tap; /* first */
    struct pose_serial_link *serial;
    struct pose_st_message message;
    enum pose_st_event event; /* what waits for the owner */
    bool session; /* set by the owner while it expects data or an acknowledgement: packets need not begin a request */
    bool wide; /* the last request had headers of two bytes */
    bool boundary; /* the next byte may begin a packet */
    bool candidate; /* a packet may have begun `count` bytes ago */
    bool late; /* the last bytes are a packet with a pause in it, unless something else comes right behind */
    bool late_request; /* the same of a request that ends with padding */
    uint8_t count, header; /* of the packet under way */
    uint8_t recent[POSE_ST_WIDE_PACKET], newest; /* the last bytes, a ring */
    uint8_t fresh; /* bytes since the line was quiet, up to 255 */
    uint8_t edge; /* bytes since a place where a packet may well begin, up to 255: behind a message, a packet or a frame */
    uint8_t lead[POSE_ST_LEAD]; /* the first of them */
    uint32_t taken; /* bytes seen, wraps: to see that something comes */
};

void pose_st_link_init(struct pose_st_link *link, struct pose_serial_link *serial);
/* Call after serial receive(). Sends credits. MESSAGE: link->message is complete until release(); BROKEN (taken by the call): the message under
 * way has ended early. */
enum pose_st_event pose_st_link_poll(struct pose_st_link *link);
void pose_st_link_release(struct pose_st_link *link);
/* Forgets a message under way. */
void pose_st_link_reset(struct pose_st_link *link);
/* True: it has seen bytes that are neither a whole frame nor a whole message, so a pause on the line would tell something. */
bool pose_st_link_is_curious(const struct pose_st_link *link);
/* The line has been quiet for a while: the next byte is the first of something that a host has sent at once. */
void pose_st_link_quiet(struct pose_st_link *link);

/* Sends one message of `size` bytes: start, then writes of so many bytes in all. Packets leave as they fill. */
struct pose_st_sender {
    struct pose_serial_link *serial;
    uint32_t left;
    bool wide;
    uint8_t used;
    uint8_t packet[POSE_ST_WIDE_PACKET];
};
void pose_st_send_start(struct pose_st_sender *sender, struct pose_serial_link *serial, bool wide, uint32_t size);
int pose_st_send(struct pose_st_sender *sender, const void *data, uint32_t size);

#endif
