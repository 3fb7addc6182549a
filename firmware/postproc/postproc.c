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
    return decoders[how->family](how, outputs, count, found);
}

int pose_postproc(const struct pose_net_info *info, struct pose_found *found)
{
    struct pose_net_tensor outputs[MAX_OUTPUTS];
    found->persons = 0;
    if (info->decoding->family == POSE_FAMILY_NONE) {
        return POSE_OK;
    }
    if (info->output_count > MAX_OUTPUTS) {
        return POSE_ERR_PARAM;
    }
    if (found->room == 0u) {
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
    found->room = asked < found->room ? asked : found->room;
    return pose_decode(info->decoding, outputs, info->output_count, found);
}
