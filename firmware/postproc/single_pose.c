/* Rows of keypoints [1, 1, K, 3] or [1, K, 3]: y, x, score, or x, y, score; 0..1 of the network's input, or pixels of it. Host twin:
 * pytest_stm32pose/families/single_pose.py. */
#include "pose/status.h"
#include "postproc/decoders.h"
#include "postproc/values.h"

static bool is_single_pose(const struct pose_image_tensor *t, uint32_t keypoints)
{
    if ((t->rank != 3u && t->rank != 4u) || t->dims[0] != 1u || (t->rank == 4u && t->dims[1] != 1u)) {
        return false;
    }
    return t->dims[t->rank - 2u] == keypoints && t->dims[t->rank - 1u] == 3u;
}

int pose_decode_single_pose(const struct pose_decoding *how, const struct pose_net_tensor *outputs, uint32_t count,
                            struct pose_found *found)
{
    const struct pose_net_tensor *output = pose_decoded_output(how, outputs, count, 0);
    struct pose_values values;
    if (output == NULL || !pose_values_of(output, &values) || !is_single_pose(values.tensor, how->keypoints)) {
        return POSE_ERR_PARAM;
    }
    const uint32_t x = how->family == POSE_FAMILY_SINGLE_POSE_XY ? 0u : 1u;
    int status = pose_report_person(found, 0.0f);
    for (uint32_t at = 0; status == POSE_OK && at < 3u * how->keypoints; at += 3u) {
        float row[3] = {pose_value(&values, at + x), pose_value(&values, at + 1u - x), pose_value(&values, at + 2u)};
        pose_normalise(how, row);
        status = found->keypoint(found, row);
    }
    return status;
}
