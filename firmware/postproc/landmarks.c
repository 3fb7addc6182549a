/* Landmarks in one row: V values per keypoint, x and y first; of 5 the fourth is the visibility. Score: that, else the one value of a second
 * output (presence), else 1. Host twin: pytest_stm32pose/families/landmarks.py. */
#include "pose/status.h"
#include "postproc/decoders.h"
#include "postproc/values.h"

#define VISIBILITY 3u

int pose_decode_landmarks(const struct pose_decoding *how, const struct pose_net_tensor *outputs, uint32_t count, struct pose_found *found)
{
    const struct pose_net_tensor *output = pose_decoded_output(how, outputs, count, 0);
    const struct pose_net_tensor *second = pose_decoded_output(how, outputs, count, 1);
    struct pose_values values;
    struct pose_values presence = {.data = NULL};
    const uint32_t each = how->values;
    if (output == NULL || !pose_values_of(output, &values)) {
        return POSE_ERR_PARAM;
    }
    const uint32_t elements = pose_elements(values.tensor);
    if (elements % each != 0u || elements / each < how->keypoints) {
        return POSE_ERR_PARAM;
    }
    const bool has_presence = how->outputs[1] != POSE_NO_OUTPUT;
    if (has_presence && (second == NULL || !pose_values_of(second, &presence) || pose_elements(second->tensor) != 1u)) {
        return POSE_ERR_PARAM;
    }
    const bool is_raw = (how->flags & POSE_SIGMOID) != 0u;
    int status = pose_report_person(found, 0.0f);
    for (uint32_t k = 0; status == POSE_OK && k < how->keypoints; k++) {
        float row[3] = {pose_value(&values, (size_t)k * each), pose_value(&values, (size_t)k * each + 1u), 1.0f};
        if (each > VISIBILITY || has_presence) {
            const float score = each > VISIBILITY ? pose_value(&values, (size_t)k * each + VISIBILITY) : pose_value(&presence, 0);
            row[2] = is_raw ? pose_logistic(score) : score;
        }
        pose_normalise(how, row);
        status = found->keypoint(found, row);
    }
    return status;
}
