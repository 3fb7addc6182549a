/* What the files of ST's validation protocol share (PROTOCOL.md, "ST's validation protocol"). One port: one static state. */
#ifndef POSE_APP_ST_STATE_H
#define POSE_APP_ST_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/st_fields.h"
#include "pose/net.h"
#include "pose/st_link.h"

/* EnumState, EnumError and the payloads of respMsg, by ST's numbers. */
enum st_state { ST_IDLE = 0, ST_WAITING = 1, ST_PROCESSING = 2, ST_DONE = 3, ST_ERROR = 4 };
enum st_error {
    ST_E_NONE = 0,
    ST_E_INVALID_SIZE = 1,
    ST_E_INVALID_FORMAT = 2,
    ST_E_INVALID_STATE = 3,
    ST_E_INVALID_PARAM = 4,
    ST_E_UNINITIALIZED = 7,
    ST_E_MEM_OVERFLOW = 8,
    ST_E_GENERIC = 10
};
enum st_payload { ST_SYNC = 10, ST_SINFO = 11, ST_ACK = 12, ST_DATA = 15, ST_OP = 16, ST_TENSOR = 17, ST_MINFO = 22 };
enum st_tensor_flag {
    ST_TENSOR_INPUT = 1,
    ST_TENSOR_OUTPUT = 2,
    ST_TENSOR_INTERNAL = 4,
    ST_TENSOR_MEMPOOL = 8,
    ST_TENSOR_LAST = 256,
    ST_TENSOR_NO_DATA = 512,
    ST_TENSOR_IN_MEMPOOL = 1024
};

/* The longest aiTensorDescMsg of ours: a name of 17 bytes, six dimensions, all numbers at their longest: 99. */
#define ST_TENSOR_DESC_BYTES 112u

/* What the host is expected to send next. ENDED: another host has ended the command; this one learns it when its next message is there. */
enum st_phase { ST_PHASE_IDLE, ST_PHASE_INPUT, ST_PHASE_INPUT_ACK, ST_PHASE_WRITE, ST_PHASE_READ_ACK, ST_PHASE_RUNNING, ST_PHASE_ENDED };

struct st_app {
    struct pose_st_link link;
    enum st_phase phase;
    uint32_t reqid; /* of the command under way */
    bool wide;      /* its host speaks generation B or C */
    uint32_t mode;  /* RUN: its param */
    uint8_t *at;    /* WRITE, READ: the next byte */
    uint32_t left;  /* WRITE, READ: bytes to come; INPUT: bytes that are wanted */
    const uint8_t *held; /* WRITE, READ, INPUT: all that the command reads or writes, from its first byte to its last */
    uint32_t held_bytes;
    uint64_t since; /* when the last byte came: link.taken was `taken` */
    uint32_t taken;
    uint8_t looks; /* at a pause that is long enough */
};
extern struct st_app pose_st_app;

/* Expects a message of this phase. Its bytes go to sink. */
void pose_st_expect(enum st_phase phase, uint8_t *sink, uint32_t sink_bytes);

/* Answers: respMsg of the command under way, whose payload is head, then body. */
int pose_st_answer(enum st_state state, enum st_payload payload, const struct pose_writer *head, const void *body, uint32_t body_bytes);
int pose_st_ack(enum st_state state, uint32_t param, enum st_error error);
/* ERROR, and the command is over. */
void pose_st_fail(uint32_t param, enum st_error error);
/* What ST's firmware says of a command, a name or an index that there is not: INVALID_PARAM, once more as param. */
void pose_st_refuse(void);
/* Milliseconds of the board's ticks. */
float pose_st_ms(uint64_t ticks);

/* Appends an aiTensorDescMsg's fields. */
void pose_st_put_desc(struct pose_writer *writer, const struct pose_image_tensor *tensor, const void *data, uint32_t flags);
/* The same for a block of bytes that no tensor describes. */
void pose_st_put_block(struct pose_writer *writer, const char *name, const void *data, uint32_t bytes, uint32_t flags);
/* Appends an aiDataMsg's fields; its `size` bytes follow. */
void pose_st_put_data(struct pose_writer *writer, const void *data, uint32_t size);
/* Appends to a name what tells it from others: "conv_2d" and 3 give conv_2d_3. `name` has room for POSE_ST_NAME_BYTES. */
void pose_st_name(char *name, const char *text, uint32_t number);
/* The name of a TFLite builtin operator, in lower case. */
const char *pose_st_operator_name(uint16_t opcode);

/* Commands; requests are complete messages. */
uint32_t pose_st_runtime_id(void);
void pose_st_network_info(const struct pose_st_message *request);
void pose_st_run(const struct pose_st_message *request);
void pose_st_run_input(const struct pose_st_message *data);
void pose_st_run_acknowledged(const struct pose_st_message *ack);
void pose_st_memory_read(const struct pose_st_message *request);
void pose_st_memory_write(const struct pose_st_message *request);
void pose_st_memory_checksum(const struct pose_st_message *request);
void pose_st_memory_data(const struct pose_st_message *data);
void pose_st_memory_acknowledged(const struct pose_st_message *ack);

/* A field of reqMsg, aiDataMsg or ackMsg. */
static inline uint32_t st_field(const struct pose_st_message *message, uint32_t field)
{
    return message->value[field];
}

#endif
