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

int pose_answer_put(struct pose_outgoing *answer, const void *data, uint32_t size)
{
    answer->crc = pose_crc32(answer->crc, data, size);
    return size == 0u ? POSE_OK : answer->link->ops->write(answer->link, data, size);
}

int pose_answer_begin(struct pose_outgoing *answer, struct pose_link *link, const struct pose_message *request, int status, uint8_t flags,
                      uint32_t payload_bytes)
{
    uint8_t bytes[POSE_MESSAGE_HEADER];
    struct pose_writer header = {.data = bytes, .capacity = sizeof bytes};
    *answer = (struct pose_outgoing){.link = link};
    if (link->max_message < POSE_MESSAGE_OVERHEAD || payload_bytes > link->max_message - POSE_MESSAGE_OVERHEAD) {
        return POSE_ERR_LENGTH;
    }
    pose_put_u8(&header, POSE_PROTOCOL_VERSION);
    pose_put_u8(&header, (uint8_t)(request->type | POSE_ANSWER_BIT));
    pose_put_u8(&header, (uint8_t)-status);
    pose_put_u8(&header, flags);
    pose_put_u32(&header, request->nonce);
    pose_put_u32(&header, payload_bytes);
    const int result = link->ops->begin(link, POSE_MESSAGE_OVERHEAD + payload_bytes);
    return result == POSE_OK ? pose_answer_put(answer, bytes, sizeof bytes) : result;
}

int pose_answer_end(struct pose_outgoing *answer)
{
    const uint32_t sum = answer->crc;
    const int result = answer->link->ops->write(answer->link, &sum, sizeof sum);
    return result == POSE_OK ? answer->link->ops->end(answer->link) : result;
}

int pose_answer(struct pose_link *link, const struct pose_message *request, int status, uint8_t flags, const struct pose_writer *head,
                const void *body, uint32_t body_bytes)
{
    struct pose_outgoing answer;
    const uint32_t head_bytes = head == NULL ? 0u : head->used;
    if (body_bytes > UINT32_MAX - head_bytes || (head != NULL && head->overflow)) {
        return POSE_ERR_LENGTH;
    }
    int result = pose_answer_begin(&answer, link, request, status, flags, head_bytes + body_bytes);
    if (result == POSE_OK && head_bytes > 0u) {
        result = pose_answer_put(&answer, head->data, head_bytes);
    }
    if (result == POSE_OK) {
        result = pose_answer_put(&answer, body, body_bytes);
    }
    return result == POSE_OK ? pose_answer_end(&answer) : result;
}

int pose_answer_status(struct pose_link *link, const struct pose_message *request, int status)
{
    return pose_answer(link, request, status, 0, NULL, NULL, 0);
}
