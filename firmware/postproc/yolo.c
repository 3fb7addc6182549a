/* YOLO pose [1, 5 + 3 K, N], int8 or float32: rows x, y, w, h (box middle and size), score, then K times x, y, score; one column per anchor.
 * ST's definition: anchors with a score above 0.001, greedy non-maximum suppression of boxes that overlap by more than 0.1 (IoU), at most
 * 100 persons. Order, and what wins a tie: higher score, then lower anchor. That is also the order of TensorFlow's NonMaxSuppression, and
 * its float32 arithmetic (tensorflow/core/kernels/image/non_max_suppression_op.cc). Host twin: pytest_stm32pose/families/yolo.py. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "pose/status.h"
#include "postproc/decoders.h"

#define MAX_ANCHORS 16384u /* a square input of 640 pixels has 8400 */
#define SCORE_THRESHOLD 0.001f
#define IOU_THRESHOLD 0.1f
#define BOX_ROWS 5u
#define NONE 0xFFFFFFFFu

enum row { ROW_X = 0, ROW_Y = 1, ROW_W = 2, ROW_H = 3, ROW_SCORE = 4 };

struct anchors {
    const void *data;
    bool quantized;
    float scale;
    int32_t zero_point;
    uint32_t count;
};

struct box {
    float left, top, right, bottom, area;
};

static uint8_t dropped[MAX_ANCHORS / 8u]; /* one bit per anchor: taken, or suppressed by one that was */

static bool is_dropped(uint32_t anchor)
{
    return ((dropped[anchor / 8u] >> (anchor % 8u)) & 1u) != 0u;
}

static void drop(uint32_t anchor)
{
    dropped[anchor / 8u] = (uint8_t)(dropped[anchor / 8u] | (1u << (anchor % 8u)));
}

static float value(const struct anchors *a, uint32_t row, uint32_t anchor)
{
    const size_t at = (size_t)row * a->count + anchor;
    if (a->quantized) {
        return (float)(((const int8_t *)a->data)[at] - a->zero_point) * a->scale;
    }
    return ((const float *)a->data)[at];
}

static struct box box_of(const struct anchors *a, uint32_t anchor)
{
    const float x = value(a, ROW_X, anchor);
    const float y = value(a, ROW_Y, anchor);
    const float half_w = value(a, ROW_W, anchor) * 0.5f;
    const float half_h = value(a, ROW_H, anchor) * 0.5f;
    struct box box = {.left = x - half_w, .top = y - half_h, .right = x + half_w, .bottom = y + half_h};
    box.area = (box.bottom - box.top) * (box.right - box.left);
    return box;
}

/* False when a value is NaN, as on the host. */
static bool overlaps(const struct box *a, const struct box *b)
{
    if (!(a->area > 0.0f) || !(b->area > 0.0f)) {
        return false;
    }
    const float left = a->left > b->left ? a->left : b->left;
    const float top = a->top > b->top ? a->top : b->top;
    const float right = a->right < b->right ? a->right : b->right;
    const float bottom = a->bottom < b->bottom ? a->bottom : b->bottom;
    const float height = bottom - top;
    const float width = right - left;
    if (!(height > 0.0f) || !(width > 0.0f)) {
        return false;
    }
    const float both = height * width;
    return both / (a->area + b->area - both) > IOU_THRESHOLD;
}

/* Best anchor that is left, after dropping those that overlap `taken` (NULL: none is taken yet). NONE: nothing is left. */
static uint32_t next_best(const struct anchors *a, const struct box *taken)
{
    uint32_t best = NONE;
    float highest = SCORE_THRESHOLD;
    for (uint32_t i = 0; i < a->count; i++) {
        const float score = value(a, ROW_SCORE, i);
        if (!(score > SCORE_THRESHOLD) || is_dropped(i)) { /* NaN is no score */
            continue;
        }
        if (taken != NULL) {
            const struct box box = box_of(a, i);
            if (overlaps(taken, &box)) {
                drop(i);
                continue;
            }
        }
        if (score > highest) {
            highest = score;
            best = i;
        }
    }
    return best;
}

static void write_person(const struct anchors *a, uint32_t anchor, uint32_t keypoints, float *rows)
{
    for (uint32_t i = 0; i < 3u * keypoints; i++) {
        rows[i] = value(a, BOX_ROWS + i, anchor);
    }
}

static bool is_yolo(const struct pose_image_tensor *t, uint8_t keypoints)
{
    const bool quantized = t->dtype == POSE_INT8 && t->scale > 0.0f && t->zero_point >= INT8_MIN && t->zero_point <= INT8_MAX;
    return (t->dtype == POSE_FLOAT32 || quantized) && t->rank == 3u && t->dims[0] == 1u &&
           t->dims[1] == BOX_ROWS + 3u * (uint32_t)keypoints;
}

int pose_decode_yolo(uint8_t keypoints, const struct pose_net_tensor *outputs, uint32_t count, float *rows, float *scores,
                     uint32_t max_persons, uint32_t *persons)
{
    if (count != 1u || outputs[0].tensor == NULL || !is_yolo(outputs[0].tensor, keypoints)) {
        return POSE_ERR_PARAM;
    }
    const struct pose_image_tensor *tensor = outputs[0].tensor;
    const struct anchors a = {.data = outputs[0].data,
                              .quantized = tensor->dtype == POSE_INT8,
                              .scale = tensor->scale,
                              .zero_point = tensor->zero_point,
                              .count = tensor->dims[2]};
    if (a.count > MAX_ANCHORS) {
        return POSE_ERR_MEMORY;
    }
    memset(dropped, 0, sizeof dropped);
    struct box taken;
    const struct box *last = NULL;
    for (*persons = 0; *persons < max_persons; (*persons)++, last = &taken) {
        const uint32_t best = next_best(&a, last);
        if (best == NONE) {
            break;
        }
        write_person(&a, best, keypoints, rows + (size_t)*persons * keypoints * 3u);
        scores[*persons] = value(&a, ROW_SCORE, best);
        taken = box_of(&a, best);
        drop(best);
    }
    return POSE_OK;
}
