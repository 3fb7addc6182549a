/* Packets of ST's validation protocol, see pose/st_link.h. Nothing is sent while bytes are taken: credits leave when the owner polls. */
#include "pose/st_link.h"

#include <string.h>

#include "pose/status.h"

#define CREDIT 0xAAu
#define SHORTEST_REQUEST 10u /* five fields of two bytes */
#define SHORTEST_MESSAGE 4u  /* an acknowledgement */
#define REQID_TAG 0x08u      /* of the field that comes first */
#define MANY 255u

static void announce(struct pose_st_link *link, enum pose_st_event event)
{
    link->event = event;
    link->tap.waiting = event == POSE_ST_MESSAGE || event == POSE_ST_BROKEN; /* a credit does not: see follow() */
}

/* A place where the next byte may well begin a packet. */
static void mark_edge(struct pose_st_link *link)
{
    link->edge = 0;
    memset(link->lead, 0, sizeof link->lead);
}

static void see(struct pose_st_link *link, uint8_t byte)
{
    link->recent[link->newest] = byte;
    link->newest = (uint8_t)((link->newest + 1u) % POSE_ST_WIDE_PACKET);
    if (link->edge < POSE_ST_LEAD) {
        link->lead[link->edge] = byte;
    }
    link->edge = (uint8_t)(link->edge < MANY ? link->edge + 1u : MANY);
    link->fresh = (uint8_t)(link->fresh < MANY ? link->fresh + 1u : MANY);
    link->taken++;
}

/* The byte before the last POSE_ST_PACKET ones is number 0. */
static uint8_t recent(const struct pose_st_link *link, uint32_t number)
{
    return link->recent[(link->newest + number) % POSE_ST_WIDE_PACKET];
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
static bool begins_message(const struct pose_st_link *link, struct pose_st_message *message, const uint8_t *packet)
{
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

static bool is_request_header(uint8_t byte)
{
    return byte > SHORTEST_REQUEST && byte <= POSE_ST_PAYLOAD;
}

/* These bytes are how a request begins, header first. */
static bool looks_like_request(const uint8_t *bytes)
{
    return is_request_header(bytes[0]) && (bytes[0] == POSE_ST_PAYLOAD ? bytes[2] == REQID_TAG : bytes[1] == bytes[0] - 1u);
}

/* Whether the 0 before the last POSE_ST_PACKET bytes is the upper byte of their header. The bytes alone cannot always tell: a 0 that was left over
 * from something else looks the same. What tells, the surest first: where the host began to send after a pause; where something else has ended just
 * before; of which kind the torn packet before is; what was spoken last. */
static bool is_wide(const struct pose_st_link *link)
{
    const uint32_t before = link->edge - POSE_ST_PACKET; /* bytes, with that 0 */
    if (before == 0u || recent(link, 0) != 0u || link->fresh == POSE_ST_PACKET) {
        return false;
    }
    if (before == 1u || link->fresh == POSE_ST_WIDE_PACKET) {
        return true;
    }
    if (looks_like_request(link->lead)) {
        return false;
    }
    return (link->lead[0] == 0u && looks_like_request(link->lead + 1)) || link->wide;
}

/* Claims the last bytes when they are a message's first packet. */
static bool claim(struct pose_st_link *link, bool request_only)
{
    uint8_t packet[POSE_ST_PACKET];
    struct pose_st_message found = {.sink = request_only ? NULL : link->message.sink, .sink_bytes = link->message.sink_bytes};
    for (uint32_t i = 0; i < POSE_ST_PACKET; i++) {
        packet[i] = recent(link, 1u + i);
    }
    if (packet[0] == 0u || packet[0] > POSE_ST_PAYLOAD || !begins_message(link, &found, packet)) {
        return false;
    }
    const bool complete = pose_st_message_complete(&found);
    const bool request = complete ? pose_st_message_kind(&found) == POSE_ST_REQUEST : pose_st_message_begins_request(&found);
    if ((request_only && (!complete || !request)) || (!request && link->wide && recent(link, 0) != 0u)) {
        return false;
    }
    link->wide = request ? is_wide(link) : link->wide;
    found.sink = link->message.sink;
    link->message = found;
    pose_st_link_reset(link);
    link->tap.inside = !complete;
    announce(link, complete ? POSE_ST_MESSAGE : POSE_ST_CREDIT);
    return true;
}

/* A header that can stand at a boundary: a long message's, or in a session any message's. Our frames begin with 0x01 to 0x03. */
static bool may_begin(const struct pose_st_link *link, uint8_t byte)
{
    return byte == POSE_ST_PAYLOAD || (link->session && byte > SHORTEST_MESSAGE && byte < POSE_ST_PAYLOAD);
}

/* The last bytes may be a whole request that ends with padding. */
static bool may_end_request(const struct pose_st_link *link)
{
    const uint8_t header = recent(link, 1);
    return recent(link, POSE_ST_PACKET) == 0u && is_request_header(header) && header < POSE_ST_PAYLOAD && recent(link, 2) == header - 1u;
}

/* Looks for a first packet: at a boundary, or anywhere when it is a whole request that ends with padding. One with a pause in it may be the end of
 * something else whose beginning is missing: it is claimed after another pause. */
static enum pose_tap_result search(struct pose_st_link *link, uint8_t byte)
{
    see(link, byte);
    const bool paused = link->fresh < POSE_ST_PACKET;
    link->late = link->late_request = false;
    if (!link->candidate && link->boundary && may_begin(link, byte)) {
        link->candidate = true;
        link->count = 0;
    }
    link->boundary = byte == 0u;
    if (link->candidate && ++link->count == POSE_ST_PACKET) {
        link->candidate = false;
        link->late = paused;
        if (!paused && claim(link, false)) {
            return POSE_TAP_CLAIMED;
        }
    }
    link->late_request = paused && may_end_request(link);
    return !paused && may_end_request(link) && claim(link, true) ? POSE_TAP_CLAIMED : POSE_TAP_FREE;
}

/* What the message's packets did not contain has come. The last bytes are kept: they may be the beginning of a request that was taken for data. */
static void broken(struct pose_st_link *link)
{
    link->tap.inside = link->tap.sharing = false;
    link->candidate = false;
    link->late = link->late_request = false;
    link->boundary = true;
    link->count = 0;
    announce(link, POSE_ST_BROKEN);
}

/* A packet of the message is complete. */
static void end_packet(struct pose_st_link *link)
{
    const bool complete = pose_st_message_complete(&link->message);
    link->count = 0;
    mark_edge(link);
    if (complete) {
        pose_st_link_reset(link);
    }
    link->tap.inside = !complete;
    link->tap.sharing = false;
    announce(link, complete ? POSE_ST_MESSAGE : POSE_ST_CREDIT);
}

/* A byte of a packet after the first. False: a header that cannot be, so the message has broken off and the byte begins something else. */
static bool follow(struct pose_st_link *link, uint8_t byte)
{
    struct pose_st_message *message = &link->message;
    const uint32_t head = link->wide ? 2u : 1u;
    const uint32_t header = link->wide && link->count == 0u ? 0u : expected_header(message->left);
    if (link->event == POSE_ST_CREDIT || (link->count < head && byte != header)) {
        broken(link); /* also when the host has not waited for its credit */
        return false;
    }
    see(link, byte);
    if (link->count < head) {
        link->header = byte;
    } else if (link->count < head + link->header) {
        pose_st_message_push(message, byte);
    } else if (byte != 0u) {
        broken(link); /* padding that is none: bytes are missing */
        return true;
    }
    link->count++;
    return true;
}

/* A request has begun behind a pause in a message, and the last byte completes it: the message's host is gone. */
static bool begun_anew(struct pose_st_link *link)
{
    const bool here = link->fresh == POSE_ST_PACKET || (link->fresh == POSE_ST_WIDE_PACKET && recent(link, 0) == 0u);
    return here && may_end_request(link) && claim(link, true);
}

static bool packet_is_full(const struct pose_st_link *link)
{
    return link->count == (link->wide ? POSE_ST_WIDE_PACKET : POSE_ST_PACKET);
}

static enum pose_tap_result take(struct pose_serial_tap *tap, uint8_t byte)
{
    struct pose_st_link *link = (struct pose_st_link *)tap;
    if (!tap->inside) {
        return search(link, byte);
    }
    if (packet_is_full(link)) { /* held back, see below */
        see(link, byte);
    } else if (!follow(link, byte)) {
        return search(link, byte);
    }
    if (!tap->inside) {
        return POSE_TAP_FREE;
    }
    if (begun_anew(link)) {
        return POSE_TAP_CLAIMED;
    }
    if (packet_is_full(link)) {
        if (!tap->sharing) {
            end_packet(link);
        } else if (link->fresh >= POSE_ST_WIDE_PACKET) {
            broken(link); /* more has come than the packet has room for: something else has begun */
        } /* else what filled it came behind a pause: only another pause shows that it was the packet's */
    }
    return tap->sharing || !tap->inside ? POSE_TAP_FREE : POSE_TAP_TAKEN;
}

static void forget(struct pose_serial_tap *tap)
{
    pose_st_link_reset((struct pose_st_link *)tap);
}

void pose_st_link_reset(struct pose_st_link *link)
{
    link->tap.inside = link->tap.sharing = false;
    link->tap.waiting = false;
    link->event = POSE_ST_NOTHING;
    link->candidate = false;
    link->late = link->late_request = false;
    link->boundary = true;
    link->count = 0;
    mark_edge(link);
    memset(link->recent, 0, sizeof link->recent);
}

void pose_st_link_init(struct pose_st_link *link, struct pose_serial_link *serial)
{
    *link = (struct pose_st_link){.tap = {.take = take, .forget = forget}, .serial = serial};
    pose_st_link_reset(link);
    serial->tap = &link->tap;
}

bool pose_st_link_is_curious(const struct pose_st_link *link)
{
    return link->tap.inside || link->edge != 0u;
}

void pose_st_link_quiet(struct pose_st_link *link)
{
    if ((link->late && claim(link, false)) || (link->late_request && claim(link, true))) {
        link->tap.settled = true;
    }
    link->fresh = 0;
    if (link->tap.inside && packet_is_full(link)) {
        link->tap.settled = true;
        end_packet(link);
    } else if (link->tap.inside && link->count != 0u) {
        link->tap.sharing = true; /* its host may be gone */
    }
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
