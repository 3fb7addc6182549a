/* SimCC [1, K, columns] and [1, K, rows]: per keypoint the first largest bin along x and along y, as a fraction of all bins; score = the
 * smaller maximum; one of 0 or less puts the keypoint at bin -1. Host twin: pytest_stm32pose/families/simcc.py. */
#include "pose/status.h"
#include "postproc/decoders.h"
#include "postproc/values.h"

static bool is_bins(const struct pose_image_tensor *t, uint32_t keypoints)
{
    return t->rank == 3u && t->dims[0] == 1u && t->dims[1] == keypoints;
}

int pose_decode_simcc(const struct pose_decoding *how, const struct pose_net_tensor *outputs, uint32_t count, struct pose_found *found)
{
    struct pose_values bins[2];
    for (uint32_t axis = 0; axis < 2u; axis++) {
        const struct pose_net_tensor *output = pose_decoded_output(how, outputs, count, axis);
        if (output == NULL || !pose_values_of(output, &bins[axis]) || !is_bins(output->tensor, how->keypoints)) {
            return POSE_ERR_PARAM;
        }
    }
    int status = pose_report_person(found, 0.0f);
    for (uint32_t k = 0; status == POSE_OK && k < how->keypoints; k++) {
        float row[3], at[2], scores[2];
        for (uint32_t axis = 0; axis < 2u; axis++) {
            const uint32_t length = bins[axis].tensor->dims[2];
            const size_t first = (size_t)k * length;
            const uint32_t best = pose_peak(&bins[axis], first, length, 1);
            at[axis] = (float)best;
            scores[axis] = pose_value(&bins[axis], first + best);
        }
        row[2] = scores[0] < scores[1] ? scores[0] : scores[1];
        for (uint32_t axis = 0; axis < 2u; axis++) {
            row[axis] = (row[2] > 0.0f ? at[axis] : -1.0f) / (float)bins[axis].tensor->dims[2];
        }
        status = found->keypoint(found, row);
    }
    return status;
}
