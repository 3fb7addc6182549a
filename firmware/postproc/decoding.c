/* Whether what an image or a host says of the outputs is something that the decoders can take. */
#include <stddef.h>

#include "pose/image.h"

static bool threshold_ok(float value)
{
    return value >= 0.0f && value <= 3.4e38f; /* false for NaN */
}

bool pose_decoding_ok(const struct pose_decoding *d)
{
    if (d->family == POSE_FAMILY_NONE) {
        const uint8_t *byte = (const void *)d;
        for (size_t i = 0; i < sizeof *d; i++) {
            if (byte[i] != 0u) {
                return false;
            }
        }
        return true;
    }
    if (d->family >= POSE_FAMILY_COUNT || d->keypoints == 0u || d->classes == 0u || d->max_persons == 0u || d->reserved != 0u) {
        return false;
    }
    if ((d->values != 2u && d->values != 3u && d->values != 5u) || (d->flags & ~(uint32_t)POSE_DECODING_FLAGS) != 0u) {
        return false;
    }
    if ((d->flags & POSE_PIXELS) != 0u && (d->input_height == 0u || d->input_width == 0u)) {
        return false;
    }
    return threshold_ok(d->score) && threshold_ok(d->nms_iou);
}
