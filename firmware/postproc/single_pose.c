/* Full single-pose networks [1, 1, K, 3], int8 or float32: rows y, x, score, all 0..1 of the network's input. Host twin:
 * pytest_stm32pose/families/single_pose.py. */
#include <stdbool.h>
#include <stddef.h>

#include "pose/status.h"
#include "postproc/decoders.h"

static bool is_single_pose(const struct pose_image_tensor *t, uint8_t keypoints)
{
    const bool known = t->dtype == POSE_FLOAT32 || (t->dtype == POSE_INT8 && t->scale > 0.0f);
    return known && t->rank == 4u && t->dims[0] == 1u && t->dims[1] == 1u && t->dims[2] == keypoints && t->dims[3] == 3u;
}

static float value(const struct pose_net_tensor *output, uint32_t at)
{
    if (output->tensor->dtype == POSE_INT8) {
        return (float)(((const int8_t *)output->data)[at] - output->tensor->zero_point) * output->tensor->scale;
    }
    return ((const float *)output->data)[at];
}

int pose_decode_single_pose(uint8_t keypoints, const struct pose_net_tensor *outputs, uint32_t count, float *rows)
{
    if (count != 1u || outputs[0].tensor == NULL || !is_single_pose(outputs[0].tensor, keypoints)) {
        return POSE_ERR_PARAM;
    }
    for (uint32_t at = 0; at < 3u * keypoints; at += 3u) {
        rows[at] = value(outputs, at + 1u);
        rows[at + 1u] = value(outputs, at);
        rows[at + 2u] = value(outputs, at + 2u);
    }
    return POSE_OK;
}
