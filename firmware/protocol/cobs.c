/* COBS, see pose/cobs.h. */
#include "pose/cobs.h"

#define FULL_BLOCK 254u

void pose_cobs_decoder_init(struct pose_cobs_decoder *decoder, uint8_t *out, uint32_t capacity)
{
    *decoder = (struct pose_cobs_decoder){.out = out, .capacity = capacity};
}

static void put(struct pose_cobs_decoder *decoder, uint8_t byte)
{
    if (decoder->length >= decoder->capacity) {
        decoder->bad = true;
        return;
    }
    decoder->out[decoder->length++] = byte;
}

static enum pose_cobs_event end_of_frame(struct pose_cobs_decoder *decoder)
{
    if (!decoder->inside) {
        return POSE_COBS_EMPTY;
    }
    decoder->inside = false;
    return (decoder->bad || decoder->left != 0u) ? POSE_COBS_BAD : POSE_COBS_FRAME;
}

enum pose_cobs_event pose_cobs_decode(struct pose_cobs_decoder *decoder, uint8_t byte)
{
    if (byte == 0u) {
        return end_of_frame(decoder);
    }
    if (!decoder->inside) {
        pose_cobs_decoder_init(decoder, decoder->out, decoder->capacity);
        decoder->inside = true;
    }
    if (decoder->bad) {
        return POSE_COBS_MORE;
    }
    if (decoder->left > 0u) {
        decoder->left--;
        put(decoder, byte);
        return POSE_COBS_MORE;
    }
    if (decoder->zero) {
        put(decoder, 0);
    }
    decoder->left = (uint8_t)(byte - 1u);
    decoder->zero = decoder->left < FULL_BLOCK;
    return POSE_COBS_MORE;
}

void pose_cobs_encoder_init(struct pose_cobs_encoder *encoder)
{
    encoder->used = 0;
    encoder->full_before = false;
}

/* Completes the block; its size is in *ready. */
static void complete(struct pose_cobs_encoder *encoder, size_t *ready)
{
    encoder->full_before = encoder->used == FULL_BLOCK;
    encoder->block[0] = (uint8_t)(encoder->used + 1u);
    *ready = (size_t)encoder->used + 1u;
    encoder->used = 0;
}

size_t pose_cobs_encode(struct pose_cobs_encoder *encoder, const uint8_t *data, size_t size, size_t *ready)
{
    size_t taken = 0;
    *ready = 0;
    while (taken < size) {
        const uint8_t byte = data[taken++];
        if (byte == 0u) {
            complete(encoder, ready);
            encoder->full_before = false; /* the zero must be ended by a block of its own */
            return taken;
        }
        encoder->block[1u + encoder->used++] = byte;
        if (encoder->used == FULL_BLOCK) {
            complete(encoder, ready);
            return taken;
        }
    }
    return taken;
}

size_t pose_cobs_finish(struct pose_cobs_encoder *encoder)
{
    size_t ready = 0;
    if (encoder->used > 0u || !encoder->full_before) {
        complete(encoder, &ready);
    }
    return ready;
}
