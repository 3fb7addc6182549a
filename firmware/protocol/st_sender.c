/* Packets of ST's validation protocol towards the host, see pose/st_link.h. */
#include <string.h>

#include "pose/st_link.h"
#include "pose/status.h"

#define LAST_PACKET 0x80u

void pose_st_send_start(struct pose_st_sender *sender, struct pose_serial_link *serial, bool wide, uint32_t size)
{
    sender->serial = serial;
    sender->left = size;
    sender->wide = wide;
    sender->used = 0;
}

static int send_packet(struct pose_st_sender *sender)
{
    uint8_t *payload = sender->packet + (sender->wide ? 2u : 1u);
    const uint32_t last = sender->left == 0u ? LAST_PACKET : 0u;
    memset(payload + sender->used, 0, POSE_ST_PAYLOAD - sender->used);
    sender->packet[0] = (uint8_t)(sender->wide ? last : last | sender->used);
    sender->packet[1] = sender->wide ? sender->used : sender->packet[1];
    sender->used = 0;
    return pose_serial_send(sender->serial, sender->packet, sender->wide ? POSE_ST_WIDE_PACKET : POSE_ST_PACKET);
}

int pose_st_send(struct pose_st_sender *sender, const void *data, uint32_t size)
{
    const uint8_t *bytes = data;
    int status = POSE_OK;
    while (size > 0u && status == POSE_OK) {
        const uint32_t room = POSE_ST_PAYLOAD - sender->used;
        const uint32_t part = size < room ? size : room;
        memcpy(sender->packet + (sender->wide ? 2u : 1u) + sender->used, bytes, part);
        sender->used = (uint8_t)(sender->used + part);
        sender->left -= part;
        bytes += part;
        size -= part;
        if (sender->used == POSE_ST_PAYLOAD || sender->left == 0u) {
            status = send_packet(sender);
        }
    }
    return status;
}
