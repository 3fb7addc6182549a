/* Streams: each operator makes as many rows as its inputs' rows and its window's room allow, in turn, until all are made.
 * A window is a tensor of which the arena holds a few rows, the oldest first; rows that no operator still needs make room
 * for new ones. Kernels are called with ordinary tensors, which happen to be some rows of larger ones. */
#include "runtime/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "kernels/params.h"
#include "pose/status.h"

#define NOBODY (-1)  /* the input is whole before the stream starts */
#define ALL_ROWS (-2) /* and every piece reads it from its first row: a broadcast operand */

/* One operator of a stream. Row y of its output is made from the rows y * stride - pad to y * stride - pad + reach - 1. */
struct stage {
    const struct pose_image_op *op;
    const struct pose_kernel *kernel;
    const struct pose_image_tensor *out;
    int32_t stride, pad, reach;
    int32_t rows, capacity; /* of the output; rows its memory holds */
    int32_t base, done;     /* its memory holds rows base to done - 1 */
    int8_t makers[POSE_STREAM_MAX_INPUTS];
};

struct stream {
    const struct pose_runtime *rt;
    uint32_t count;
    struct stage stages[POSE_STREAM_MAX_OPS];
};

/* Some rows of an operator: its operands and parameters, cut to them. */
struct piece {
    struct pose_bound_op bound;
    struct pose_image_tensor tensors[POSE_STREAM_MAX_INPUTS + 1u];
    _Alignas(8) struct pose_conv_params conv;
};

uint32_t pose_stream_length(const struct pose_runtime *rt, uint32_t first)
{
    uint32_t last = first;
    while ((rt->ops[last].flags & POSE_OP_STREAMED) != 0u && last + 1u < rt->header->op_count) {
        last++;
    }
    return last - first + 1u;
}

bool pose_stream_has_window(uint16_t opcode)
{
    return opcode == POSE_OPCODE_CONV_2D || opcode == POSE_OPCODE_DEPTHWISE_CONV_2D;
}

static const struct pose_image_tensor *operand(const struct stream *stream, const struct stage *stage, uint32_t index)
{
    const uint16_t tensor = stream->rt->operands[stage->op->operands + index];
    return tensor == POSE_IMAGE_NO_TENSOR ? NULL : &stream->rt->tensors[tensor];
}

static bool has_rows(const struct pose_image_tensor *tensor)
{
    return tensor->rank == 4u && tensor->dims[0] == 1u && tensor->dims[1] <= POSE_STREAM_MAX_ROWS;
}

static int32_t row_bytes(const struct pose_image_tensor *tensor)
{
    return (int32_t)(tensor->bytes / tensor->dims[1]);
}

static bool find_geometry(const struct stream *stream, struct stage *stage)
{
    stage->stride = 1;
    stage->reach = 1;
    stage->pad = 0;
    if (!pose_stream_has_window(stage->op->opcode)) {
        return true;
    }
    if (stage->op->params_bytes != sizeof(struct pose_conv_params) || stage->op->input_count != 1u) {
        return false;
    }
    const struct pose_conv_params *p = (const void *)(stream->rt->image + stage->op->params_off);
    const uint32_t reach = ((uint32_t)p->kernel_h - 1u) * p->dilation_h + 1u;
    if (p->kernel_h == 0u || p->dilation_h == 0u || p->stride_h == 0u || reach > POSE_STREAM_MAX_ROWS) {
        return false;
    }
    stage->stride = p->stride_h;
    stage->reach = (int32_t)reach;
    stage->pad = p->pad_top;
    return true;
}

/* Who makes an input: an earlier operator of the stream, nobody, or nobody and it has no rows of its own. */
static bool find_maker(const struct stream *stream, uint32_t index, struct stage *stage, uint32_t input)
{
    const struct pose_image_tensor *tensor = operand(stream, stage, input);
    if (tensor == NULL) {
        return false;
    }
    stage->makers[input] = NOBODY;
    for (uint32_t i = 0; i < index; i++) {
        if (stream->stages[i].out == tensor) {
            stage->makers[input] = (int8_t)i;
        }
    }
    if (has_rows(tensor) && (pose_stream_has_window(stage->op->opcode) || tensor->dims[1] == stage->out->dims[1])) {
        return tensor->rows_held == 0u || stage->makers[input] != NOBODY;
    }
    if (stage->makers[input] == NOBODY && (tensor->rank <= 2u || tensor->dims[tensor->rank - 3u] == 1u)) {
        stage->makers[input] = ALL_ROWS;
        return tensor->rows_held == 0u;
    }
    return false;
}

static int open_stage(struct stream *stream, uint32_t index, const struct pose_image_op *op)
{
    struct stage *stage = &stream->stages[index];
    stage->op = op;
    stage->kernel = pose_runtime_kernel(op->opcode);
    if (stage->kernel == NULL) {
        return POSE_ERR_OPERATOR;
    }
    if ((stage->kernel->flags & POSE_KERNEL_ROWS) == 0u || (op->flags & POSE_OP_IN_PLACE) != 0u || op->output_count != 1u ||
        op->input_count == 0u || op->input_count > POSE_STREAM_MAX_INPUTS) {
        return POSE_ERR_IMAGE;
    }
    stage->out = operand(stream, stage, op->input_count);
    if (!has_rows(stage->out) || !find_geometry(stream, stage)) {
        return POSE_ERR_IMAGE;
    }
    stage->rows = (int32_t)stage->out->dims[1];
    stage->capacity = stage->out->rows_held == 0u ? stage->rows : (int32_t)stage->out->rows_held;
    stage->base = 0;
    stage->done = 0;
    for (uint32_t i = 0; i < op->input_count; i++) {
        if (!find_maker(stream, index, stage, i)) {
            return POSE_ERR_IMAGE;
        }
    }
    return POSE_OK;
}

static int open_stream(struct stream *stream, const struct pose_runtime *rt, uint32_t first, uint32_t count, int *failed_op)
{
    stream->rt = rt;
    stream->count = count;
    int status = count > POSE_STREAM_MAX_OPS ? POSE_ERR_IMAGE : POSE_OK;
    *failed_op = status == POSE_OK ? -1 : rt->ops[first].source;
    for (uint32_t i = 0; i < count && status == POSE_OK; i++) {
        status = open_stage(stream, i, &rt->ops[first + i]);
        *failed_op = status == POSE_OK ? -1 : rt->ops[first + i].source;
    }
    return status;
}

static int32_t at_most(int32_t value, int32_t limit)
{
    return value < limit ? value : limit;
}

/* First row of an input of `in_rows` that output row y needs. */
static int32_t first_needed(const struct stage *stage, int32_t y, int32_t in_rows)
{
    const int32_t top = y * stage->stride - stage->pad;
    return top < 0 ? 0 : at_most(top, in_rows - 1);
}

/* The row behind the last one that output row y needs: at least one row is given to every piece. */
static int32_t end_needed(const struct stage *stage, int32_t y, int32_t in_rows)
{
    const int32_t end = y * stage->stride - stage->pad + stage->reach;
    return end < 1 ? 1 : at_most(end, in_rows);
}

/* The oldest row of an operator's output that is needed again; rows of whole tensors stay. */
static int32_t oldest_needed(const struct stream *stream, uint32_t index)
{
    const struct stage *maker = &stream->stages[index];
    int32_t oldest = maker->done;
    for (uint32_t i = index + 1u; i < stream->count; i++) {
        const struct stage *reader = &stream->stages[i];
        for (uint32_t k = 0; k < reader->op->input_count && reader->done < reader->rows; k++) {
            if (reader->makers[k] == (int8_t)index) {
                oldest = at_most(oldest, first_needed(reader, reader->done, maker->rows));
            }
        }
    }
    return oldest > maker->base ? oldest : maker->base;
}

/* How many rows an operator can make now. */
static int32_t rows_ready(const struct stream *stream, uint32_t index)
{
    const struct stage *stage = &stream->stages[index];
    const int32_t held_from = stage->out->rows_held == 0u ? 0 : oldest_needed(stream, index);
    int32_t end = at_most(stage->rows, held_from + stage->capacity);
    for (uint32_t k = 0; k < stage->op->input_count; k++) {
        if (stage->makers[k] >= 0) {
            const struct stage *maker = &stream->stages[stage->makers[k]];
            while (end > stage->done && end_needed(stage, end - 1, maker->rows) > maker->done) {
                end--;
            }
        }
    }
    return end - stage->done;
}

/* Drops the rows of a window that are not needed again. */
static void make_room(struct stream *stream, uint32_t index, bool dry)
{
    struct stage *stage = &stream->stages[index];
    if (stage->out->rows_held == 0u) {
        return;
    }
    const int32_t oldest = oldest_needed(stream, index);
    if (oldest > stage->base && !dry) {
        uint8_t *start = pose_runtime_tensor_data(stream->rt, stage->out);
        const size_t row = (size_t)row_bytes(stage->out);
        memmove(start, start + (size_t)(oldest - stage->base) * row, (size_t)(stage->done - oldest) * row);
    }
    stage->base = oldest;
}

/* Makes operand i of the piece the rows [from, end) of its tensor, of which memory holds those from `base` on. */
static void cut(struct piece *piece, uint32_t i, uint32_t slot, int32_t base, int32_t from, int32_t end)
{
    struct pose_operand *whole = &piece->bound.operands[i];
    struct pose_image_tensor *part = &piece->tensors[slot];
    const uint32_t row = (uint32_t)row_bytes(whole->tensor);
    *part = *whole->tensor;
    part->rows_held = 0;
    part->dims[1] = (uint32_t)(end - from);
    part->bytes = row * part->dims[1];
    whole->data = (uint8_t *)whole->data + (size_t)(from - base) * row;
    whole->tensor = part;
}

/* The next `rows` rows of an operator. False: its window lies outside its input. */
static bool cut_piece(const struct stream *stream, uint32_t index, int32_t rows, uint32_t op_index, struct piece *piece)
{
    const struct stage *stage = &stream->stages[index];
    pose_runtime_bind(stream->rt, op_index, &piece->bound);
    for (uint32_t k = 0; k < stage->op->input_count; k++) {
        if (stage->makers[k] == ALL_ROWS) {
            continue;
        }
        const int32_t in_rows = (int32_t)piece->bound.operands[k].tensor->dims[1];
        const int32_t from = first_needed(stage, stage->done, in_rows);
        const int32_t needed = end_needed(stage, stage->done + rows - 1, in_rows);
        const int32_t end = needed > from ? needed : from + 1;
        const int32_t base = stage->makers[k] >= 0 ? stream->stages[stage->makers[k]].base : 0;
        cut(piece, k, k, base, from, end);
        if (pose_stream_has_window(stage->op->opcode)) {
            const int32_t pad = from - (stage->done * stage->stride - stage->pad);
            if (pad < 0) {
                return false;
            }
            piece->conv = *(const struct pose_conv_params *)piece->bound.op.params;
            piece->conv.pad_top = (uint16_t)pad; /* at most the operator's own */
            piece->bound.op.params = &piece->conv;
        }
    }
    cut(piece, stage->op->input_count, POSE_STREAM_MAX_INPUTS, stage->base, stage->done, stage->done + rows);
    return true;
}

/* Goes through all pieces in order; dry: asks check() instead of running. ticks may be NULL then. */
static int walk(struct stream *stream, uint32_t first, bool dry, uint64_t (*clock)(void), uint64_t *ticks, int *failed_op)
{
    struct piece piece;
    bool more = true;
    while (more) {
        bool moved = false;
        more = false;
        for (uint32_t i = 0; i < stream->count; i++) {
            struct stage *stage = &stream->stages[i];
            const uint64_t start = dry ? 0u : clock();
            const int32_t rows = rows_ready(stream, i);
            if (rows > 0) {
                make_room(stream, i, dry);
                int status = POSE_ERR_IMAGE;
                if (cut_piece(stream, i, rows, first + i, &piece)) {
                    status = dry ? stage->kernel->check(&piece.bound.op) : stage->kernel->run(&piece.bound.op);
                }
                if (status != POSE_OK) {
                    *failed_op = stage->op->source;
                    return status;
                }
                stage->done += rows;
                moved = true;
            }
            if (!dry) {
                ticks[i] += clock() - start;
            }
            more = more || stage->done < stage->rows;
        }
        if (more && !moved) { /* a window is too small */
            *failed_op = stream->stages[0].op->source;
            return POSE_ERR_IMAGE;
        }
    }
    return POSE_OK;
}

int pose_stream_check(const struct pose_runtime *rt, uint32_t first, uint32_t count, int *failed_op)
{
    struct stream stream;
    const int status = open_stream(&stream, rt, first, count, failed_op);
    return status == POSE_OK ? walk(&stream, first, true, NULL, NULL, failed_op) : status;
}

int pose_stream_run(const struct pose_runtime *rt, uint32_t first, uint32_t count, uint64_t (*clock)(void), uint64_t *ticks)
{
    struct stream stream;
    int failed_op;
    memset(ticks, 0, count * sizeof *ticks);
    const int status = open_stream(&stream, rt, first, count, &failed_op);
    return status == POSE_OK ? walk(&stream, first, false, clock, ticks, &failed_op) : status;
}
