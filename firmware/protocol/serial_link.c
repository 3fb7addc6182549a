/* Serial link, see pose/serial_link.h. */
#include "pose/serial_link.h"

#include "pose/board.h"
#include "pose/message.h"
#include "pose/status.h"

/* With another protocol on the port, a frame is one only when its checksum says so: packets can look like short frames. */
static bool is_ours(const struct pose_serial_link *serial)
{
    struct pose_message message;
    if (serial->tap == NULL) {
        return true;
    }
    const int status = pose_message_parse(serial->rx, serial->decoder.length, &message);
    return status != POSE_ERR_LENGTH && status != POSE_ERR_CRC;
}

/* A packet of the tap's is complete: whatever its bytes were to the frames' decoder, they were no frames. */
static void give_up_frames(struct pose_serial_link *serial)
{
    uint64_t drops = serial->recent_drops & ((1ull << POSE_SERIAL_TAP_BYTES) - 1u);
    for (; drops != 0u; drops &= drops - 1u) {
        serial->base.dropped--;
    }
    serial->recent_drops = 0;
    pose_cobs_decoder_init(&serial->decoder, serial->rx, sizeof serial->rx);
}

static void decode(struct pose_serial_link *serial, uint8_t byte)
{
    const enum pose_cobs_event event = pose_cobs_decode(&serial->decoder, byte);
    serial->have = event == POSE_COBS_FRAME && is_ours(serial);
    const bool dropped = event == POSE_COBS_BAD || (event == POSE_COBS_FRAME && !serial->have);
    serial->base.dropped += dropped ? 1u : 0u;
    serial->recent_drops = serial->recent_drops << 1 | (dropped ? 1u : 0u);
}

static void take(struct pose_serial_link *serial, uint8_t byte)
{
    struct pose_serial_tap *tap = serial->tap;
    if (tap != NULL && tap->settled) {
        tap->settled = false;
        give_up_frames(serial);
    }
    const bool first_the_tap = tap != NULL && tap->inside && !tap->sharing;
    enum pose_tap_result result = first_the_tap ? tap->take(tap, byte) : POSE_TAP_FREE;
    if (result == POSE_TAP_FREE) {
        decode(serial, byte);
    }
    if (tap != NULL && serial->have) {
        tap->forget(tap);
    } else if (tap != NULL && !first_the_tap) {
        result = tap->take(tap, byte);
    }
    if (result == POSE_TAP_CLAIMED) {
        give_up_frames(serial);
    }
}

static bool serial_receive(struct pose_link *link, const uint8_t **data, uint32_t *size)
{
    struct pose_serial_link *serial = (struct pose_serial_link *)link;
    uint8_t byte;
    while (!serial->have && !(serial->tap != NULL && serial->tap->waiting) && pose_board_serial_read(&byte, 1) == 1u) {
        take(serial, byte);
    }
    *data = serial->rx;
    *size = serial->decoder.length;
    return serial->have;
}

static void serial_release(struct pose_link *link)
{
    ((struct pose_serial_link *)link)->have = false;
}

/* Sends all bytes, or gives up when stalled() says so. */
int pose_serial_send(struct pose_serial_link *serial, const uint8_t *data, size_t size)
{
    while (size > 0u) {
        const size_t accepted = pose_board_serial_write(data, size);
        data += accepted;
        size -= accepted;
        if (accepted > 0u) {
            serial->base.is_stalled = false;
        } else {
            const int status = serial->base.stalled(&serial->base);
            if (status != POSE_OK) {
                serial->broken = true;
                return status;
            }
        }
    }
    return POSE_OK;
}

static int serial_begin(struct pose_link *link, uint32_t size)
{
    struct pose_serial_link *serial = (struct pose_serial_link *)link;
    static const uint8_t zero = 0;
    if (size > link->max_message) {
        return POSE_ERR_LENGTH;
    }
    pose_cobs_encoder_init(&serial->encoder);
    if (serial->broken) { /* end the torn frame, so that the host drops it alone */
        serial->broken = false;
        return pose_serial_send(serial, &zero, 1);
    }
    return POSE_OK;
}

static int serial_write(struct pose_link *link, const void *data, uint32_t size)
{
    struct pose_serial_link *serial = (struct pose_serial_link *)link;
    const uint8_t *bytes = data;
    size_t left = size;
    while (left > 0u) {
        size_t ready = 0;
        const size_t taken = pose_cobs_encode(&serial->encoder, bytes, left, &ready);
        const int status = pose_serial_send(serial, serial->encoder.block, ready);
        if (status != POSE_OK) {
            return status;
        }
        bytes += taken;
        left -= taken;
    }
    return POSE_OK;
}

static int serial_end(struct pose_link *link)
{
    struct pose_serial_link *serial = (struct pose_serial_link *)link;
    static const uint8_t zero = 0;
    const int status = pose_serial_send(serial, serial->encoder.block, pose_cobs_finish(&serial->encoder));
    return status == POSE_OK ? pose_serial_send(serial, &zero, 1) : status;
}

static int serial_drain(struct pose_link *link)
{
    /* A byte that the port accepts after the frame means that the frame has left; an empty frame is ignored by the host. */
    static const uint8_t zeros[2] = {0, 0};
    return pose_serial_send((struct pose_serial_link *)link, zeros, sizeof zeros);
}

void pose_serial_link_init(struct pose_serial_link *serial, int (*stalled)(struct pose_link *link))
{
    static const struct pose_link_ops ops = {serial_receive, serial_release, serial_begin, serial_write, serial_end, serial_drain};
    serial->base = (struct pose_link){
        .ops = &ops, .max_message = POSE_SERIAL_MAX_MESSAGE, .window = POSE_SERIAL_WINDOW, .stalled = stalled};
    pose_cobs_decoder_init(&serial->decoder, serial->rx, sizeof serial->rx);
    pose_cobs_encoder_init(&serial->encoder);
    serial->tap = NULL;
    serial->recent_drops = 0;
    serial->have = false;
    serial->broken = false;
}
