/* Picks the decoder of the network's family. */
#include "pose/postproc.h"

#include <stddef.h>

#include "pose/status.h"
#include "postproc/decoders.h"

#define MAX_OUTPUTS 8u

static pose_decoder *const decoders[POSE_FAMILY_COUNT] = {
    [POSE_FAMILY_HEATMAP] = pose_decode_heatmap,
    [POSE_FAMILY_SINGLE_POSE] = pose_decode_single_pose,
    [POSE_FAMILY_SINGLE_POSE_XY] = pose_decode_single_pose,
    [POSE_FAMILY_YOLO] = pose_decode_persons,
    [POSE_FAMILY_YOLO_END_TO_END] = pose_decode_persons,
    [POSE_FAMILY_MULTIPOSE] = pose_decode_persons,
    [POSE_FAMILY_HEATMAP_OFFSETS] = pose_decode_heatmap_offsets,
    [POSE_FAMILY_SIMCC] = pose_decode_simcc,
    [POSE_FAMILY_LANDMARKS] = pose_decode_landmarks,
};

int pose_decode(const struct pose_decoding *how, const struct pose_net_tensor *outputs, uint32_t count, struct pose_found *found)
{
    found->persons = 0;
    if (how->family >= POSE_FAMILY_COUNT || decoders[how->family] == NULL) {
        return POSE_ERR_PARAM;
    }
    const int status = decoders[how->family](how, outputs, count, found);
    found->persons = status == POSE_OK ? found->persons : 0u;
    return status;
}

int pose_postproc(const struct pose_net_info *info, float *rows, float *scores, uint32_t max_persons, uint32_t max_keypoints,
                  uint32_t *persons)
{
    struct pose_net_tensor outputs[MAX_OUTPUTS];
    *persons = 0;
    if (info->decoding->family == POSE_FAMILY_NONE) {
        return POSE_OK;
    }
    if (info->output_count > MAX_OUTPUTS) {
        return POSE_ERR_PARAM;
    }
    if (info->decoding->keypoints > max_keypoints || max_persons == 0u) {
        return POSE_ERR_MEMORY;
    }
    for (uint32_t i = 0; i < info->output_count; i++) {
        const int status = pose_net_output(i, &outputs[i]);
        if (status != POSE_OK) {
            return status;
        }
        if (outputs[i].data == NULL) {
            return POSE_ERR_STATE;
        }
    }
    const uint32_t asked = info->decoding->max_persons;
    struct pose_found found = {.rows = rows, .scores = scores, .room = asked < max_persons ? asked : max_persons};
    const int status = pose_decode(info->decoding, outputs, info->output_count, &found);
    *persons = found.persons;
    return status;
}
