/* What the decoders share: the values of an output as float32, and the arithmetic that the host has too (families/values.py). */
#ifndef POSE_VALUES_H
#define POSE_VALUES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pose/image.h"
#include "pose/net.h"

struct pose_values {
    const void *data;
    const struct pose_image_tensor *tensor;
};

/* False: the tensor is missing, or neither float32 nor quantised int8 or uint8. */
static inline bool pose_values_of(const struct pose_net_tensor *output, struct pose_values *values)
{
    const struct pose_image_tensor *t = output->tensor;
    *values = (struct pose_values){.data = output->data, .tensor = t};
    if (t == NULL) {
        return false;
    }
    switch (t->dtype) {
    case POSE_FLOAT32:
        return true;
    case POSE_INT8:
        return t->scale > 0.0f && t->zero_point >= INT8_MIN && t->zero_point <= INT8_MAX;
    case POSE_UINT8:
        return t->scale > 0.0f && t->zero_point >= 0 && t->zero_point <= UINT8_MAX;
    default:
        return false;
    }
}

/* Element `at`, dequantised. */
static inline float pose_value(const struct pose_values *v, size_t at)
{
    switch (v->tensor->dtype) {
    case POSE_INT8:
        return (float)(((const int8_t *)v->data)[at] - v->tensor->zero_point) * v->tensor->scale;
    case POSE_UINT8:
        return (float)(((const uint8_t *)v->data)[at] - v->tensor->zero_point) * v->tensor->scale;
    default:
        return ((const float *)v->data)[at];
    }
}

static inline uint32_t pose_elements(const struct pose_image_tensor *t)
{
    uint32_t count = 1;
    for (uint32_t i = 0; i < POSE_IMAGE_MAX_RANK; i++) {
        count *= t->dims[i];
    }
    return count;
}

/* First largest of `count` values that lie `stride` apart. NaN is never the largest. */
static inline uint32_t pose_peak(const struct pose_values *v, size_t first, uint32_t count, size_t stride)
{
    uint32_t best = 0;
    float largest = pose_value(v, first);
    largest = isnan(largest) ? -INFINITY : largest;
    for (uint32_t i = 1; i < count; i++) {
        const float value = pose_value(v, first + (size_t)i * stride);
        if (value > largest) { /* false for NaN */
            largest = value;
            best = i;
        }
    }
    return best;
}

/* x and y of a keypoint in 0..1 of the input. */
static inline void pose_normalise(const struct pose_decoding *how, float *row)
{
    if ((how->flags & POSE_PIXELS) != 0u) {
        row[0] = row[0] / (float)how->input_width;
        row[1] = row[1] / (float)how->input_height;
    }
}

/* 1 / (1 + exp(-x)) of float32 operations alone; the exponential is Cephes' expf (Moshier, 1989). */
static inline float pose_logistic(float value)
{
    if (isnan(value)) {
        return value;
    }
    float x = value < 0.0f ? value : -value;
    x = x < -86.0f ? -86.0f : x; /* no number becomes subnormal */
    const int32_t n = (int32_t)(x * 1.44269504f - 0.5f);
    float r = x - (float)n * 0.693359375f;
    r = r - (float)n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    const uint32_t power = (uint32_t)(n + 127) << 23u; /* of 2, as float32 has it: -125 <= n <= 0 */
    float small;
    memcpy(&small, &power, sizeof small);
    small = p * small;
    return (value < 0.0f ? small : 1.0f) / (1.0f + small);
}

#endif
