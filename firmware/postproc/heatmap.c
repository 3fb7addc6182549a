/* Heat maps [1, H, W, K]: per channel the first largest cell in row-major order. An int8 map's scores are its stored values, as are those
 * of a uint8 map without a scale. NaN is never the largest. Host twin: pytest_stm32pose/families/heatmap.py. */
#include "pose/status.h"
#include "postproc/decoders.h"
#include "postproc/values.h"

/* First largest cell of one channel; `stride` is the number of channels. */
static uint32_t peak_int8(const int8_t *cell, uint32_t cells, uint32_t stride)
{
    uint32_t best = 0;
    int8_t largest = cell[0];
    for (uint32_t i = 1; i < cells; i++) {
        const int8_t value = cell[(size_t)i * stride];
        if (value > largest) {
            largest = value;
            best = i;
        }
    }
    return best;
}

static uint32_t peak_uint8(const uint8_t *cell, uint32_t cells, uint32_t stride)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < cells; i++) {
        best = cell[(size_t)i * stride] > cell[(size_t)best * stride] ? i : best;
    }
    return best;
}

static void find(const struct pose_decoding *how, const struct pose_values *map, uint32_t cells, uint32_t k, float *score, uint32_t *cell)
{
    const uint32_t stride = how->keypoints;
    struct pose_values quantised;
    const struct pose_net_tensor tensor = {.data = map->data, .tensor = map->tensor};
    if (map->tensor->dtype == POSE_INT8) {
        const int8_t *first = (const int8_t *)map->data + k;
        *cell = peak_int8(first, cells, stride);
        *score = (float)first[(size_t)*cell * stride];
    } else if (map->tensor->dtype == POSE_UINT8 && !pose_values_of(&tensor, &quantised)) {
        const uint8_t *first = (const uint8_t *)map->data + k;
        *cell = peak_uint8(first, cells, stride);
        *score = (float)first[(size_t)*cell * stride];
    } else {
        *cell = pose_peak(map, k, cells, stride);
        *score = pose_value(map, k + (size_t)*cell * stride);
    }
}

int pose_decode_heatmap(const struct pose_decoding *how, const struct pose_net_tensor *outputs, uint32_t count, struct pose_found *found)
{
    const struct pose_net_tensor *output = pose_decoded_output(how, outputs, count, 0);
    if (output == NULL || output->tensor->rank != 4u || output->tensor->dims[0] != 1u || output->tensor->dims[3] != how->keypoints) {
        return POSE_ERR_PARAM;
    }
    const struct pose_image_tensor *t = output->tensor;
    if (t->dtype != POSE_INT8 && t->dtype != POSE_UINT8 && t->dtype != POSE_FLOAT32) {
        return POSE_ERR_PARAM;
    }
    const struct pose_values map = {.data = output->data, .tensor = t};
    const uint32_t height = t->dims[1];
    const uint32_t width = t->dims[2];
    int status = pose_report_person(found, 0.0f);
    for (uint32_t k = 0; status == POSE_OK && k < how->keypoints; k++) {
        float row[3];
        uint32_t cell;
        find(how, &map, height * width, k, &row[2], &cell);
        row[0] = ((float)(cell % width) + 0.5f) / (float)width;
        row[1] = ((float)(cell / width) + 0.5f) / (float)height;
        status = found->keypoint(found, row);
    }
    return status;
}
