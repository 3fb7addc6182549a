/* Messages, see pose/message.h and PROTOCOL.md. */
#include "pose/message.h"

#include <string.h>

#include "pose/crc32.h"
#include "pose/status.h"

uint32_t pose_get_u32(const uint8_t *data)
{
    uint32_t value;
    memcpy(&value, data, sizeof value);
    return value;
}

int pose_message_parse(const uint8_t *data, uint32_t size, struct pose_message *message)
{
    if (size < POSE_MESSAGE_OVERHEAD) {
        return POSE_ERR_LENGTH;
    }
    message->type = data[1];
    message->nonce = pose_get_u32(data + 4);
    message->length = pose_get_u32(data + 8);
    message->payload = data + POSE_MESSAGE_HEADER;
    if (message->length != size - POSE_MESSAGE_OVERHEAD) {
        return POSE_ERR_LENGTH;
    }
    if (pose_crc32(0, data, size - 4u) != pose_get_u32(data + size - 4u)) {
        return POSE_ERR_CRC;
    }
    if ((message->type & POSE_ANSWER_BIT) != 0u) {
        return POSE_ERR_PARAM; /* an echo of our own answers, never a request */
    }
    return data[0] == POSE_PROTOCOL_VERSION ? POSE_OK : POSE_ERR_VERSION;
}

void pose_put_bytes(struct pose_writer *writer, const void *data, uint32_t size)
{
    if (writer->overflow || size > writer->capacity - writer->used) {
        writer->overflow = true;
        return;
    }
    memcpy(writer->data + writer->used, data, size);
    writer->used += size;
}

void pose_put_u8(struct pose_writer *writer, uint8_t value)
{
    pose_put_bytes(writer, &value, sizeof value);
}

void pose_put_u16(struct pose_writer *writer, uint16_t value)
{
    pose_put_bytes(writer, &value, sizeof value);
}

void pose_put_u32(struct pose_writer *writer, uint32_t value)
{
    pose_put_bytes(writer, &value, sizeof value);
}

void pose_put_u64(struct pose_writer *writer, uint64_t value)
{
    pose_put_bytes(writer, &value, sizeof value);
}

void pose_put_f32(struct pose_writer *writer, float value)
{
    pose_put_bytes(writer, &value, sizeof value);
}

void pose_put_string(struct pose_writer *writer, const char *text)
{
    const size_t length = strlen(text);
    const uint8_t cut = length > 255u ? 255u : (uint8_t)length;
    pose_put_u8(writer, cut);
    pose_put_bytes(writer, text, cut);
}

static int write_part(struct pose_link *link, uint32_t *crc, const void *data, uint32_t size)
{
    *crc = pose_crc32(*crc, data, size);
    return size == 0u ? POSE_OK : link->ops->write(link, data, size);
}

int pose_answer(struct pose_link *link, const struct pose_message *request, int status, uint8_t flags, const struct pose_writer *head,
                const void *body, uint32_t body_bytes)
{
    uint8_t bytes[POSE_MESSAGE_HEADER];
    struct pose_writer header = {.data = bytes, .capacity = sizeof bytes};
    const uint32_t head_bytes = head == NULL ? 0u : head->used;
    uint32_t crc = 0;
    if (link->max_message < POSE_MESSAGE_OVERHEAD || head_bytes > link->max_message - POSE_MESSAGE_OVERHEAD ||
        body_bytes > link->max_message - POSE_MESSAGE_OVERHEAD - head_bytes || (head != NULL && head->overflow)) {
        return POSE_ERR_LENGTH;
    }
    pose_put_u8(&header, POSE_PROTOCOL_VERSION);
    pose_put_u8(&header, (uint8_t)(request->type | POSE_ANSWER_BIT));
    pose_put_u8(&header, (uint8_t)-status);
    pose_put_u8(&header, flags);
    pose_put_u32(&header, request->nonce);
    pose_put_u32(&header, head_bytes + body_bytes);
    int result = link->ops->begin(link, POSE_MESSAGE_OVERHEAD + head_bytes + body_bytes);
    if (result == POSE_OK) {
        result = write_part(link, &crc, bytes, sizeof bytes);
    }
    if (result == POSE_OK && head_bytes > 0u) {
        result = write_part(link, &crc, head->data, head_bytes);
    }
    if (result == POSE_OK && body_bytes > 0u) {
        result = write_part(link, &crc, body, body_bytes);
    }
    if (result == POSE_OK) {
        const uint32_t sum = crc;
        result = link->ops->write(link, &sum, sizeof sum);
    }
    return result == POSE_OK ? link->ops->end(link) : result;
}

int pose_answer_status(struct pose_link *link, const struct pose_message *request, int status)
{
    return pose_answer(link, request, status, 0, NULL, NULL, 0);
}
