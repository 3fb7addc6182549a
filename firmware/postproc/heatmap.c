/* Heat maps [1, H, W, K], int8 or float32: per channel the first largest cell in row-major order. An int8 map's scores
 * are its stored values. NaN is never the largest. Host twin: pytest_stm32pose/families/heatmap.py. */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "pose/status.h"
#include "postproc/decoders.h"

static bool is_heatmap(const struct pose_image_tensor *t, uint8_t keypoints)
{
    return (t->dtype == POSE_INT8 || t->dtype == POSE_FLOAT32) && t->rank == 4u && t->dims[0] == 1u && t->dims[3] == keypoints;
}

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

static uint32_t peak_float(const float *cell, uint32_t cells, uint32_t stride)
{
    uint32_t best = 0;
    float largest = isnan(cell[0]) ? -INFINITY : cell[0];
    for (uint32_t i = 1; i < cells; i++) {
        const float value = cell[(size_t)i * stride];
        if (value > largest) { /* false for NaN */
            largest = value;
            best = i;
        }
    }
    return best;
}

int pose_decode_heatmap(uint8_t keypoints, const struct pose_net_tensor *outputs, uint32_t count, float *rows)
{
    if (count != 1u || outputs[0].tensor == NULL || !is_heatmap(outputs[0].tensor, keypoints)) {
        return POSE_ERR_PARAM;
    }
    const uint32_t height = outputs[0].tensor->dims[1];
    const uint32_t width = outputs[0].tensor->dims[2];
    for (uint32_t k = 0; k < keypoints; k++, rows += 3) {
        uint32_t cell;
        if (outputs[0].tensor->dtype == POSE_INT8) {
            const int8_t *map = (const int8_t *)outputs[0].data + k;
            cell = peak_int8(map, height * width, keypoints);
            rows[2] = (float)map[(size_t)cell * keypoints];
        } else {
            const float *map = (const float *)outputs[0].data + k;
            cell = peak_float(map, height * width, keypoints);
            rows[2] = map[(size_t)cell * keypoints];
        }
        rows[0] = ((float)(cell % width) + 0.5f) / (float)width;
        rows[1] = ((float)(cell / width) + 0.5f) / (float)height;
    }
    return POSE_OK;
}
