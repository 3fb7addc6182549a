/* Several persons out of a table of candidates: YOLO pose [1, 4 + C + K V, N] or transposed (x, y, w, h, the scores of C classes, then K times
 * V values), the same exported end to end [1, N, 6 + K V] (x1, y1, x2, y2, score, class), and MoveNet MultiPose [1, N, 3 K + 5] (K times y, x,
 * score, then a box and a score). ST's definition: candidates with a score above a threshold, for YOLO greedy non-maximum suppression of the
 * boxes of one class that overlap by more than another (IoU). Order, and what wins a tie: higher score, then lower candidate. That is also
 * the order of TensorFlow's NonMaxSuppression, and its float32 arithmetic (tensorflow/core/kernels/image/non_max_suppression_op.cc). Host
 * twins: persons.py, yolo.py and multipose.py in pytest_stm32pose/families. */
#include <string.h>

#include "pose/status.h"
#include "postproc/decoders.h"
#include "postproc/values.h"

#define MAX_CANDIDATES 16384u /* YOLO has 8400 for a square input of 640 pixels */
#define NONE 0xFFFFFFFFu

enum row { ROW_X = 0, ROW_Y = 1, ROW_W = 2, ROW_H = 3, BOX_ROWS = 4 };

/* The table; value `row` of candidate `i` is element row * row_stride + i * stride. */
struct candidates {
    const struct pose_decoding *how;
    struct pose_values values;
    uint32_t count, row_stride, stride;
    uint32_t first_score, scores; /* rows */
    uint32_t first_keypoint;
    uint32_t each; /* values per keypoint */
    uint32_t x; /* which of them is x: 0 or 1 */
    bool suppress;
};

struct box {
    float left, top, right, bottom, area;
    uint32_t class;
};

static uint8_t dropped[MAX_CANDIDATES / 8u]; /* one bit per candidate: taken, or suppressed by one that was */

static bool is_dropped(uint32_t candidate)
{
    return ((dropped[candidate / 8u] >> (candidate % 8u)) & 1u) != 0u;
}

static void drop(uint32_t candidate)
{
    dropped[candidate / 8u] = (uint8_t)(dropped[candidate / 8u] | (1u << (candidate % 8u)));
}

static float value(const struct candidates *c, uint32_t row, uint32_t candidate)
{
    return pose_value(&c->values, (size_t)row * c->row_stride + (size_t)candidate * c->stride);
}

/* The best class of a candidate, the first of equal ones. */
static uint32_t class_of(const struct candidates *c, uint32_t candidate)
{
    const size_t first = (size_t)c->first_score * c->row_stride + (size_t)candidate * c->stride;
    return c->scores == 1u ? 0u : pose_peak(&c->values, first, c->scores, c->row_stride);
}

static float score_of(const struct candidates *c, uint32_t candidate)
{
    return value(c, c->first_score + class_of(c, candidate), candidate);
}

static struct box box_of(const struct candidates *c, uint32_t candidate)
{
    const float x = value(c, ROW_X, candidate);
    const float y = value(c, ROW_Y, candidate);
    const float half_w = value(c, ROW_W, candidate) * 0.5f;
    const float half_h = value(c, ROW_H, candidate) * 0.5f;
    struct box box = {.left = x - half_w, .top = y - half_h, .right = x + half_w, .bottom = y + half_h, .class = class_of(c, candidate)};
    box.area = (box.bottom - box.top) * (box.right - box.left);
    return box;
}

/* False when a value is NaN, as on the host. */
static bool overlaps(const struct box *a, const struct box *b, float threshold)
{
    if (a->class != b->class || !(a->area > 0.0f) || !(b->area > 0.0f)) {
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
    return both / (a->area + b->area - both) > threshold;
}

/* Best candidate that is left, after dropping those that overlap `taken` (NULL: none is taken yet). NONE: nothing is left. */
static uint32_t next_best(const struct candidates *c, const struct box *taken)
{
    uint32_t best = NONE;
    float highest = c->how->score;
    for (uint32_t i = 0; i < c->count; i++) {
        if (is_dropped(i)) {
            continue;
        }
        const float score = score_of(c, i);
        if (!(score > c->how->score)) { /* NaN is no score */
            drop(i);
            continue;
        }
        if (taken != NULL && c->suppress) {
            const struct box box = box_of(c, i);
            if (overlaps(taken, &box, c->how->nms_iou)) {
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

static int report(const struct candidates *c, uint32_t candidate, struct pose_found *found)
{
    int status = pose_report_person(found, score_of(c, candidate));
    for (uint32_t k = 0; status == POSE_OK && k < c->how->keypoints; k++) {
        const uint32_t at = c->first_keypoint + k * c->each;
        const float score = c->each > 2u ? value(c, at + 2u, candidate) : 1.0f;
        float row[3] = {value(c, at + c->x, candidate), value(c, at + 1u - c->x, candidate), score};
        pose_normalise(c->how, row);
        status = found->keypoint(found, row);
    }
    return status;
}

/* Reads the tensor as a table of the family. Returns the rows that it must have. */
static uint32_t lay_out(struct candidates *c)
{
    const struct pose_decoding *how = c->how;
    const uint32_t keypoints = how->keypoints;
    c->scores = 1;
    c->each = how->values;
    if (how->family == POSE_FAMILY_MULTIPOSE) {
        c->each = 3;
        c->x = 1;
        c->first_score = 3u * keypoints + 4u;
        return 3u * keypoints + 5u;
    }
    if (how->family == POSE_FAMILY_YOLO_END_TO_END) {
        c->first_score = 4;
        c->first_keypoint = 6;
        return 6u + c->each * keypoints;
    }
    c->suppress = true;
    c->scores = how->classes;
    c->first_score = BOX_ROWS;
    c->first_keypoint = BOX_ROWS + c->scores;
    return c->first_keypoint + c->each * keypoints;
}

int pose_decode_persons(const struct pose_decoding *how, const struct pose_net_tensor *outputs, uint32_t count, struct pose_found *found)
{
    const struct pose_net_tensor *output = pose_decoded_output(how, outputs, count, 0);
    struct candidates c = {.how = how};
    const bool is_yolo = how->family == POSE_FAMILY_YOLO;
    const bool in_columns = is_yolo && (how->flags & POSE_ROWS_FIRST) == 0u;
    if (output == NULL || !pose_values_of(output, &c.values) || output->tensor->rank != 3u || output->tensor->dims[0] != 1u) {
        return POSE_ERR_PARAM;
    }
    const uint32_t rows = lay_out(&c);
    if (output->tensor->dims[in_columns ? 1 : 2] != rows || how->values > 3u) {
        return POSE_ERR_PARAM;
    }
    c.count = output->tensor->dims[in_columns ? 2 : 1];
    c.row_stride = in_columns ? c.count : 1u;
    c.stride = in_columns ? 1u : rows;
    if (c.count > MAX_CANDIDATES) {
        return POSE_ERR_MEMORY;
    }
    memset(dropped, 0, sizeof dropped);
    struct box taken;
    const struct box *last = NULL;
    int status = POSE_OK;
    for (; status == POSE_OK && found->persons < found->room; last = &taken) {
        const uint32_t best = next_best(&c, last);
        if (best == NONE) {
            break;
        }
        status = report(&c, best, found);
        if (c.suppress) {
            taken = box_of(&c, best);
        }
        drop(best);
    }
    return status;
}
