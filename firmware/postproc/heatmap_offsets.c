/* Heat maps [1, H, W, K] with offsets [1, H, W, 2 K] (K of y, then K of x, in pixels of the input): the place of the first largest cell, plus
 * the offset there. Host twin: pytest_stm32pose/families/heatmap_offsets.py. */
#include "pose/status.h"
#include "postproc/decoders.h"
#include "postproc/values.h"

static bool belong(const struct pose_image_tensor *maps, const struct pose_image_tensor *offsets, uint32_t keypoints)
{
    return maps->rank == 4u && offsets->rank == 4u && maps->dims[0] == 1u && offsets->dims[0] == 1u && maps->dims[1] == offsets->dims[1] &&
           maps->dims[2] == offsets->dims[2] && maps->dims[3] == keypoints && offsets->dims[3] == 2u * keypoints;
}

int pose_decode_heatmap_offsets(const struct pose_decoding *how, const struct pose_net_tensor *outputs, uint32_t count,
                                struct pose_found *found)
{
    const struct pose_net_tensor *first = pose_decoded_output(how, outputs, count, 0);
    const struct pose_net_tensor *second = pose_decoded_output(how, outputs, count, 1);
    struct pose_values maps, offsets;
    const uint32_t keypoints = how->keypoints;
    if (first == NULL || second == NULL || !pose_values_of(first, &maps) || !pose_values_of(second, &offsets) ||
        !belong(maps.tensor, offsets.tensor, keypoints)) {
        return POSE_ERR_PARAM;
    }
    const uint32_t width = maps.tensor->dims[2];
    int status = pose_report_person(found, 0.0f);
    for (uint32_t k = 0; status == POSE_OK && k < keypoints; k++) {
        float row[3];
        const uint32_t cell = pose_peak(&maps, k, maps.tensor->dims[1] * width, keypoints);
        const size_t at = (size_t)cell * 2u * keypoints + k;
        const float score = pose_value(&maps, (size_t)cell * keypoints + k);
        row[0] = (float)(cell % width * how->step) + pose_value(&offsets, at + keypoints);
        row[1] = (float)(cell / width * how->step) + pose_value(&offsets, at);
        row[2] = (how->flags & POSE_SIGMOID) != 0u ? pose_logistic(score) : score;
        pose_normalise(how, row);
        status = found->keypoint(found, row);
    }
    return status;
}
