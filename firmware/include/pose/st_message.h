/* Protobuf messages of ST's validation protocol (PROTOCOL.md, "ST's validation protocol"): a decoder that takes one byte at a time and keeps no
 * copy of a tensor, and an encoder of single fields. Nothing here waits, allocates or recurses.
 * Wire format: protobuf.dev/programming-guides/encoding. */
#ifndef POSE_ST_MESSAGE_H
#define POSE_ST_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "pose/message.h"

#define POSE_ST_FIELDS 6u
#define POSE_ST_NAME_BYTES 64u

/* A message from the host, its varint length first. The three messages a host sends have their fields in common, and the fields that are there
 * tell which it is: reqMsg (reqid, cmd, param, name, opt), aiDataMsg (type, size, addr, datas), ackMsg (param, error). */
enum pose_st_kind { POSE_ST_MALFORMED = 0, POSE_ST_REQUEST = 0x3E, POSE_ST_DATA = 0x1E, POSE_ST_ACK = 0x06 };

struct pose_st_message {
    uint8_t *sink; /* where field 4 goes besides `head`; its owner sets it before the message comes; NULL: nowhere */
    uint32_t sink_bytes; /* what it holds: the rest is only counted */
    uint32_t value[POSE_ST_FIELDS]; /* by field number; 4: its length */
    char head[POSE_ST_NAME_BYTES]; /* the first bytes of field 4, NUL terminated */
    uint8_t seen; /* bit n: field n was there */
    bool bad; /* no such message */
    bool control; /* field 4 has control characters: it is no name */
    bool has_length;
    uint32_t length, left; /* of the message, without the length itself; to come */
    uint8_t length_bytes; /* the length's own bytes */
    uint8_t state, shift, field;
    uint32_t varint, position;
};

/* Starts a new message; the sink stays. */
void pose_st_message_start(struct pose_st_message *message);
void pose_st_message_push(struct pose_st_message *message, uint8_t byte);
/* All its bytes are there. */
bool pose_st_message_complete(const struct pose_st_message *message);
/* Of a complete message. */
enum pose_st_kind pose_st_message_kind(const struct pose_st_message *message);
/* Of one that is not complete: reqid, cmd and param are there, a name has begun, and behind it the length leaves room for opt alone. */
bool pose_st_message_begins_request(const struct pose_st_message *message);

/* One field each, appended. */
void pose_st_put_u64(struct pose_writer *writer, uint32_t field, uint64_t value);
void pose_st_put_u32(struct pose_writer *writer, uint32_t field, uint32_t value);
void pose_st_put_i32(struct pose_writer *writer, uint32_t field, int32_t value);
void pose_st_put_float(struct pose_writer *writer, uint32_t field, float value);
void pose_st_put_string(struct pose_writer *writer, uint32_t field, const char *text);
/* Tag and length of a field whose `size` bytes follow: a string, bytes or a message. */
void pose_st_put_length(struct pose_writer *writer, uint32_t field, uint32_t size);
void pose_st_put_message(struct pose_writer *writer, uint32_t field, const struct pose_writer *message);

#endif
