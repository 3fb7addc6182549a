/* Consistent Overhead Byte Stuffing (Cheshire and Baker 1999): a frame holds no 0x00 and ends with one.
 * Both directions work byte by byte, so that no side needs a second buffer of a whole frame. */
#ifndef POSE_COBS_H
#define POSE_COBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pose_cobs_decoder {
    uint8_t *out;      /* capacity bytes of the caller */
    uint32_t capacity; /* a longer frame is an error */
    uint32_t length;
    uint8_t left; /* data bytes until the next code byte */
    bool zero;    /* a 0x00 is due before the next block */
    bool bad;     /* drop everything up to the next 0x00 */
    bool inside;  /* a frame has begun */
};

enum pose_cobs_event { POSE_COBS_MORE = 0, POSE_COBS_FRAME = 1, POSE_COBS_EMPTY = 2, POSE_COBS_BAD = 3 };

void pose_cobs_decoder_init(struct pose_cobs_decoder *decoder, uint8_t *out, uint32_t capacity);
/* Takes one byte. FRAME: decoder->length bytes are in decoder->out until the next call; EMPTY: two 0x00 in a row;
 * BAD: a frame ended that was truncated or too long. */
enum pose_cobs_event pose_cobs_decode(struct pose_cobs_decoder *decoder, uint8_t byte);

struct pose_cobs_encoder {
    uint8_t block[255]; /* code byte and up to 254 data bytes */
    uint8_t used;       /* data bytes in the block */
    bool full_before;   /* the last block was full: an empty rest needs no block */
};

void pose_cobs_encoder_init(struct pose_cobs_encoder *encoder);
/* Takes bytes of data until a block is complete. Returns the bytes taken; *ready: size of the block to send (0: none),
 * which must be sent before the next call. */
size_t pose_cobs_encode(struct pose_cobs_encoder *encoder, const uint8_t *data, size_t size, size_t *ready);
/* Ends the frame: returns the bytes of encoder->block to send; the caller sends 0x00 after them. */
size_t pose_cobs_finish(struct pose_cobs_encoder *encoder);

#endif
