/* Picks the decoder of the network's family. */
#include "pose/postproc.h"

#include <stddef.h>

#include "pose/status.h"
#include "postproc/decoders.h"

#define MAX_OUTPUTS 8u

int pose_postproc(const struct pose_net_info *info, float *rows, float *scores, uint32_t max_persons, uint32_t max_keypoints,
                  uint32_t *persons)
{
    struct pose_net_tensor outputs[MAX_OUTPUTS];
    *persons = 0;
    if (info->family == POSE_FAMILY_NONE) {
        return POSE_OK;
    }
    if (info->output_count > MAX_OUTPUTS) {
        return POSE_ERR_PARAM;
    }
    if (info->keypoints > max_keypoints || max_persons == 0u) {
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
    if (info->family == POSE_FAMILY_HEATMAP || info->family == POSE_FAMILY_SINGLE_POSE) {
        const int status = info->family == POSE_FAMILY_HEATMAP
                               ? pose_decode_heatmap(info->keypoints, outputs, info->output_count, rows)
                               : pose_decode_single_pose(info->keypoints, outputs, info->output_count, rows);
        *persons = status == POSE_OK ? 1u : 0u;
        return status;
    }
    if (info->family == POSE_FAMILY_YOLO) {
        return pose_decode_yolo(info->keypoints, outputs, info->output_count, rows, scores, max_persons, persons);
    }
    return POSE_ERR_PARAM;
}
