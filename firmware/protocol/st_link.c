/* Packets of ST's validation protocol, see pose/st_link.h. Nothing is sent while bytes are taken: credits leave when the owner polls. */
#include "pose/st_link.h"

#include <string.h>

#include "pose/status.h"

#define CREDIT 0xAAu
#define LAST_PACKET 0x80u
#define SHORTEST_REQUEST 10u /* five fields of two bytes */
#define SHORTEST_MESSAGE 4u  /* an acknowledgement */

static void announce(struct pose_st_link *link, enum pose_st_event event)
{
    link->event = event;
    link->tap.waiting = true;
}

/* The header of the packet that carries the next bytes of a message. */
static uint32_t expected_header(uint32_t left)
{
    return left < POSE_ST_PAYLOAD ? left : POSE_ST_PAYLOAD;
}

static bool padding_is_zero(const uint8_t *packet)
{
    for (uint32_t i = 1u + packet[0]; i < POSE_ST_PACKET; i++) {
        if (packet[i] != 0u) {
            return false;
        }
    }
    return true;
}

/* Decodes a message's first packet. True: its header, length and padding belong together and it begins a message that may come now. */
static bool begins_message(struct pose_st_link *link, const uint8_t *packet)
{
    struct pose_st_message *message = &link->message;
    pose_st_message_start(message);
    for (uint32_t i = 1; i <= packet[0]; i++) {
        pose_st_message_push(message, packet[i]);
    }
    if (!message->has_length || message->length > UINT32_MAX - POSE_ST_PAYLOAD ||
        packet[0] != expected_header(message->length_bytes + message->length) || !padding_is_zero(packet)) {
        return false;
    }
    if (pose_st_message_complete(message)) {
        return link->session || pose_st_message_kind(message) == POSE_ST_REQUEST;
    }
    return !message->bad && (link->session || pose_st_message_begins_request(message));
}

/* Claims the last 33 bytes when they are a message's first packet. */
static bool claim(struct pose_st_link *link, bool request_only)
{
    uint8_t packet[POSE_ST_PACKET];
    for (uint32_t i = 0; i < POSE_ST_PACKET; i++) {
        packet[i] = link->recent[(link->newest + i) % POSE_ST_PACKET];
    }
    if (packet[0] == 0u || packet[0] > POSE_ST_PAYLOAD || !begins_message(link, packet)) {
        return false;
    }
    const bool complete = pose_st_message_complete(&link->message);
    if (request_only && (!complete || pose_st_message_kind(&link->message) != POSE_ST_REQUEST)) {
        return false;
    }
    link->candidate = false;
    link->boundary = true;
    link->count = 0;
    link->taken++;
    memset(link->recent, 0, sizeof link->recent);
    link->tap.inside = !complete;
    announce(link, complete ? POSE_ST_MESSAGE : POSE_ST_CREDIT);
    return true;
}

/* A header that can stand at a boundary: a long message's, or in a session any message's. Our frames begin with 0x01 to 0x03. */
static bool may_begin(const struct pose_st_link *link, uint8_t byte)
{
    return byte == POSE_ST_PAYLOAD || (link->session && byte > SHORTEST_MESSAGE && byte < POSE_ST_PAYLOAD);
}

/* Looks for a first packet: at a boundary, or anywhere when it is a whole request that ends with padding. */
static bool search(struct pose_st_link *link, uint8_t byte)
{
    link->recent[link->newest] = byte;
    link->newest = (uint8_t)((link->newest + 1u) % POSE_ST_PACKET);
    if (!link->candidate && link->boundary && may_begin(link, byte)) {
        link->candidate = true;
        link->count = 0;
    }
    link->boundary = byte == 0u;
    if (link->candidate && ++link->count == POSE_ST_PACKET) {
        link->candidate = false;
        if (claim(link, false)) {
            return true;
        }
    }
    const uint8_t header = link->recent[link->newest];
    const uint8_t length = link->recent[(link->newest + 1u) % POSE_ST_PACKET];
    return byte == 0u && header > SHORTEST_REQUEST && header < POSE_ST_PAYLOAD && length == header - 1u && claim(link, true);
}

static void broken(struct pose_st_link *link)
{
    pose_st_link_reset(link);
    announce(link, POSE_ST_BROKEN);
}

/* A byte of a packet after the first. False: a header that cannot be, so the message has broken off and the byte begins something else. */
static bool follow(struct pose_st_link *link, uint8_t byte)
{
    struct pose_st_message *message = &link->message;
    if (link->count == 0u) {
        if (byte != expected_header(message->left)) {
            broken(link);
            return false;
        }
        link->header = byte;
    } else if (link->count <= link->header) {
        pose_st_message_push(message, byte);
    } else if (byte != 0u) {
        broken(link); /* padding that is none: bytes are missing */
        return true;
    }
    link->taken++;
    if (++link->count < POSE_ST_PACKET) {
        return true;
    }
    link->count = 0;
    link->tap.inside = !pose_st_message_complete(message);
    announce(link, link->tap.inside ? POSE_ST_CREDIT : POSE_ST_MESSAGE);
    return true;
}

static bool take(struct pose_serial_tap *tap, uint8_t byte)
{
    struct pose_st_link *link = (struct pose_st_link *)tap;
    return tap->inside ? follow(link, byte) : search(link, byte);
}

static void forget(struct pose_serial_tap *tap)
{
    pose_st_link_reset((struct pose_st_link *)tap);
}

void pose_st_link_reset(struct pose_st_link *link)
{
    link->tap.inside = false;
    link->tap.waiting = false;
    link->event = POSE_ST_NOTHING;
    link->candidate = false;
    link->boundary = true;
    link->count = 0;
    memset(link->recent, 0, sizeof link->recent);
}

void pose_st_link_init(struct pose_st_link *link, struct pose_serial_link *serial)
{
    *link = (struct pose_st_link){.tap = {.take = take, .forget = forget}, .serial = serial};
    pose_st_link_reset(link);
    serial->tap = &link->tap;
}

enum pose_st_event pose_st_link_poll(struct pose_st_link *link)
{
    static const uint8_t credit = CREDIT;
    const enum pose_st_event event = link->event;
    if (event == POSE_ST_CREDIT || event == POSE_ST_BROKEN) {
        pose_st_link_release(link);
    }
    if (event == POSE_ST_CREDIT && pose_serial_send(link->serial, &credit, 1) != POSE_OK) {
        pose_st_link_reset(link);
        return POSE_ST_BROKEN;
    }
    return event;
}

void pose_st_link_release(struct pose_st_link *link)
{
    link->event = POSE_ST_NOTHING;
    link->tap.waiting = false;
}

void pose_st_send_start(struct pose_st_sender *sender, struct pose_serial_link *serial, uint32_t size)
{
    sender->serial = serial;
    sender->left = size;
    sender->used = 0;
}

int pose_st_send(struct pose_st_sender *sender, const void *data, uint32_t size)
{
    const uint8_t *bytes = data;
    int status = POSE_OK;
    while (size > 0u && status == POSE_OK) {
        const uint32_t room = POSE_ST_PAYLOAD - sender->used;
        const uint32_t part = size < room ? size : room;
        memcpy(sender->packet + 1u + sender->used, bytes, part);
        sender->used = (uint8_t)(sender->used + part);
        sender->left -= part;
        bytes += part;
        size -= part;
        if (sender->used == POSE_ST_PAYLOAD || sender->left == 0u) {
            memset(sender->packet + 1u + sender->used, 0, POSE_ST_PAYLOAD - sender->used);
            sender->packet[0] = (uint8_t)(sender->used | (sender->left == 0u ? LAST_PACKET : 0u));
            sender->used = 0;
            status = pose_serial_send(sender->serial, sender->packet, sizeof sender->packet);
        }
    }
    return status;
}
