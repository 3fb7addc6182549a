/* Messages of the protocol (PROTOCOL.md): reading requests, writing answers. Nothing here waits or allocates. */
#ifndef POSE_MESSAGE_H
#define POSE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "pose/link.h"

#define POSE_PROTOCOL_VERSION 1u
#define POSE_MESSAGE_HEADER 12u
#define POSE_MESSAGE_OVERHEAD 16u /* header and CRC */
#define POSE_ANSWER_BIT 0x80u
#define POSE_FLAG_MORE 0x01u

enum pose_command {
    POSE_HELLO = 0x01,
    POSE_NETWORK_INFO = 0x02,
    POSE_SELF_TEST = 0x03,
    POSE_UPLOAD = 0x04,
    POSE_INFER = 0x05,
    POSE_MEMORY = 0x06,
    POSE_RESET = 0x07,
    POSE_DECODING = 0x08,
    POSE_MEMORIES = 0x09,
    POSE_PLACE = 0x0A,
    POSE_MEMORY_SPEED = 0x0B,
    POSE_OUTPUT = 0x0C
};

enum pose_capability {
    POSE_CAN_KEYPOINTS = 1,
    POSE_CAN_OUTPUTS = 2,
    POSE_CAN_INTERMEDIATES = 4,
    POSE_CAN_PROFILE = 8,
    POSE_CAN_UPLOAD_WHILE_RUNNING = 16,
    POSE_CAN_SELF_TEST = 32,
    POSE_CAN_MEMORY = 64,
    POSE_CAN_RESET = 128,
    POSE_CAN_MEMORIES = 256, /* MEMORIES, PLACE, MEMORY_SPEED */
    POSE_CAN_DIGESTS = 512   /* INFER's option of this number, OUTPUT */
};

struct pose_message {
    uint8_t type;
    uint32_t nonce;
    const uint8_t *payload; /* in the link's buffer */
    uint32_t length;
};

/* Checks and reads a request of `size` bytes. LENGTH or CRC: to be dropped; VERSION: well formed, but of another version, to be answered. */
int pose_message_parse(const uint8_t *data, uint32_t size, struct pose_message *message);

uint32_t pose_get_u32(const uint8_t *data);

/* Appends to a buffer of the caller; `overflow` is set, and stays, when it does not fit. */
struct pose_writer {
    uint8_t *data;
    uint32_t capacity, used;
    bool overflow;
};
void pose_put_bytes(struct pose_writer *writer, const void *data, uint32_t size);
void pose_put_u8(struct pose_writer *writer, uint8_t value);
void pose_put_u16(struct pose_writer *writer, uint16_t value);
void pose_put_u32(struct pose_writer *writer, uint32_t value);
void pose_put_u64(struct pose_writer *writer, uint64_t value);
void pose_put_f32(struct pose_writer *writer, float value);
/* u8 length + bytes; cut at 255. */
void pose_put_string(struct pose_writer *writer, const char *text);

/* One answer in pieces: begin, puts of payload_bytes in all, end. After a negative status of any of them the answer is given up. LENGTH: the link
 * carries no message as long as that; nothing has been sent. */
struct pose_outgoing {
    struct pose_link *link;
    uint32_t crc;
};
int pose_answer_begin(struct pose_outgoing *answer, struct pose_link *link, const struct pose_message *request, int status, uint8_t flags,
                      uint32_t payload_bytes);
int pose_answer_put(struct pose_outgoing *answer, const void *data, uint32_t size);
int pose_answer_end(struct pose_outgoing *answer);
/* One answer whose payload is head, then body (body may be large and stays where it is). Status is a pose_status. */
int pose_answer(struct pose_link *link, const struct pose_message *request, int status, uint8_t flags, const struct pose_writer *head,
                const void *body, uint32_t body_bytes);
int pose_answer_status(struct pose_link *link, const struct pose_message *request, int status);

#endif
