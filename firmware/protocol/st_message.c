/* Protobuf of ST's validation protocol, see pose/st_message.h. */
#include "pose/st_message.h"

#include <string.h>

enum state { LENGTH, TAG, VALUE, BYTES_LENGTH, BYTES };
enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2, WIRE_32 = 5 };
#define REQID 1u
#define CMD 2u
#define PARAM 3u
#define NAME 4u
#define LAST_SHIFT 28u
#define VARINT_MAX_BYTES 10u
#define OPT_MIN_BYTES 2u
#define OPT_MAX_BYTES 6u

void pose_st_message_start(struct pose_st_message *message)
{
    *message = (struct pose_st_message){.sink = message->sink, .sink_bytes = message->sink_bytes, .state = LENGTH};
}

/* True: the varint is complete, in message->varint. More than 32 bits: bad. */
static bool varint(struct pose_st_message *message, uint8_t byte)
{
    if (message->shift == 0u) {
        message->varint = 0;
    }
    if (message->shift > LAST_SHIFT || (message->shift == LAST_SHIFT && byte > 0x0Fu)) {
        message->bad = true;
        return false;
    }
    message->varint |= (uint32_t)(byte & 0x7Fu) << message->shift;
    message->shift = (uint8_t)(message->shift + 7u);
    if ((byte & 0x80u) != 0u) {
        return false;
    }
    message->shift = 0;
    return true;
}

static void begin_field(struct pose_st_message *message)
{
    const uint32_t field = message->varint >> 3;
    const uint32_t type = field == NAME ? WIRE_BYTES : WIRE_VARINT;
    if (field == 0u || field >= POSE_ST_FIELDS || (message->seen & (1u << field)) != 0u || (message->varint & 7u) != type) {
        message->bad = true;
        return;
    }
    message->field = (uint8_t)field;
    message->state = field == NAME ? BYTES_LENGTH : VALUE;
}

static void end_field(struct pose_st_message *message)
{
    message->seen = (uint8_t)(message->seen | 1u << message->field);
    message->state = TAG;
}

static void take_byte(struct pose_st_message *message, uint8_t byte)
{
    const uint32_t position = message->position++;
    message->control = message->control || byte < ' ';
    if (position < sizeof message->head - 1u) {
        message->head[position] = (char)byte;
    }
    if (message->sink != NULL && position < message->sink_bytes) {
        message->sink[position] = byte;
    }
    if (message->position == message->value[NAME]) {
        end_field(message);
    }
}

static void take_value(struct pose_st_message *message)
{
    message->value[message->field] = message->varint;
    if (message->state == VALUE) {
        end_field(message);
        return;
    }
    message->bad = message->varint > message->left;
    message->state = BYTES;
    if (message->varint == 0u) {
        end_field(message);
    }
}

void pose_st_message_push(struct pose_st_message *message, uint8_t byte)
{
    if (!message->has_length) {
        message->length_bytes++;
        if (!message->bad && varint(message, byte)) {
            message->has_length = true;
            message->length = message->left = message->varint;
            message->state = TAG;
        }
        return;
    }
    if (message->left == 0u) {
        return;
    }
    message->left--;
    if (message->bad) {
        return; /* only counted, so that its end is found */
    }
    if (message->state == BYTES) {
        take_byte(message, byte);
    } else if (varint(message, byte)) {
        if (message->state == TAG) {
            begin_field(message);
        } else {
            take_value(message);
        }
    }
    if (message->left == 0u && (message->state != TAG || message->shift != 0u)) {
        message->bad = true; /* ends inside a field */
    }
}

bool pose_st_message_complete(const struct pose_st_message *message)
{
    return message->has_length && message->left == 0u;
}

enum pose_st_kind pose_st_message_kind(const struct pose_st_message *message)
{
    const bool named = message->seen == POSE_ST_REQUEST && !message->control;
    if (message->bad || (!named && message->seen != POSE_ST_DATA && message->seen != POSE_ST_ACK)) {
        return POSE_ST_MALFORMED;
    }
    return (enum pose_st_kind)message->seen;
}

bool pose_st_message_begins_request(const struct pose_st_message *message)
{
    const uint32_t first = 1u << REQID | 1u << CMD | 1u << PARAM;
    if (message->bad || message->control || (message->seen & first) != first) {
        return false;
    }
    if (message->state != BYTES) {
        return (message->seen & 1u << NAME) != 0u && message->left <= OPT_MAX_BYTES;
    }
    const uint32_t behind = message->left - (message->value[NAME] - message->position); /* not negative: take_value() */
    return behind >= OPT_MIN_BYTES && behind <= OPT_MAX_BYTES;
}

static void put_varint(struct pose_writer *writer, uint64_t value)
{
    uint8_t bytes[VARINT_MAX_BYTES];
    uint32_t used = 0;
    do {
        bytes[used++] = (uint8_t)((value & 0x7Fu) | (value > 0x7Fu ? 0x80u : 0u));
        value >>= 7;
    } while (value != 0u);
    pose_put_bytes(writer, bytes, used);
}

void pose_st_put_u64(struct pose_writer *writer, uint32_t field, uint64_t value)
{
    put_varint(writer, field << 3 | WIRE_VARINT);
    put_varint(writer, value);
}

void pose_st_put_u32(struct pose_writer *writer, uint32_t field, uint32_t value)
{
    pose_st_put_u64(writer, field, value);
}

void pose_st_put_i32(struct pose_writer *writer, uint32_t field, int32_t value)
{
    pose_st_put_u64(writer, field, (uint64_t)(int64_t)value); /* negative ones travel as 64 bits */
}

void pose_st_put_float(struct pose_writer *writer, uint32_t field, float value)
{
    put_varint(writer, field << 3 | WIRE_32);
    pose_put_f32(writer, value);
}

void pose_st_put_length(struct pose_writer *writer, uint32_t field, uint32_t size)
{
    put_varint(writer, field << 3 | WIRE_BYTES);
    put_varint(writer, size);
}

void pose_st_put_string(struct pose_writer *writer, uint32_t field, const char *text)
{
    const uint32_t size = (uint32_t)strlen(text);
    pose_st_put_length(writer, field, size);
    pose_put_bytes(writer, text, size);
}

void pose_st_put_message(struct pose_writer *writer, uint32_t field, const struct pose_writer *message)
{
    pose_st_put_length(writer, field, message->used);
    pose_put_bytes(writer, message->data, message->used);
    writer->overflow = writer->overflow || message->overflow;
}
