/* Checks a network image: nothing in it is believed before it was compared with the image's own bounds.
 * The rules, in the order of firmware/NETWORK_IMAGE.md. */
#include <stdbool.h>
#include <string.h>

#include "pose/crc32.h"
#include "pose/status.h"
#include "runtime/runtime.h"

#define MAX_SCALE 3.4e38f

/* Which tensors hold a value already. */
struct written {
    uint32_t bits[POSE_IMAGE_MAX_TENSORS / 32u];
};

static bool is_written(const struct written *w, uint32_t tensor)
{
    return (w->bits[tensor / 32u] >> (tensor % 32u) & 1u) != 0u;
}

static void set_written(struct written *w, uint32_t tensor)
{
    w->bits[tensor / 32u] |= 1u << (tensor % 32u);
}

static bool aligned(uint32_t offset)
{
    return offset % POSE_RUNTIME_ALIGN == 0u;
}

/* [off, off + bytes) inside [0, end) */
static bool inside(uint32_t off, uint32_t bytes, uint32_t end)
{
    return off <= end && bytes <= end - off;
}

static bool section(const struct pose_image_header *h, uint32_t off, uint32_t count, uint32_t item_bytes)
{
    const uint64_t bytes = (uint64_t)count * item_bytes;
    return aligned(off) && off >= h->header_bytes && bytes <= h->image_bytes && inside(off, (uint32_t)bytes, h->image_bytes);
}

static uint32_t image_crc(const uint8_t *image, uint32_t bytes)
{
    static const uint8_t zero[4];
    const uint32_t at = (uint32_t)offsetof(struct pose_image_header, crc32);
    uint32_t crc = pose_crc32(0u, image, at);
    crc = pose_crc32(crc, zero, sizeof zero);
    return pose_crc32(crc, image + at + 4u, bytes - at - 4u);
}

static bool name_ok(const char *name, uint32_t size)
{
    const uint32_t length = (uint32_t)strnlen(name, size);
    for (uint32_t i = length; i < size; i++) {
        if (name[i] != 0) {
            return false;
        }
    }
    return length < size;
}

static bool tables_ok(const struct pose_image_header *h)
{
    if (!section(h, h->tensors_off, h->tensor_count, sizeof(struct pose_image_tensor)) ||
        !section(h, h->ops_off, h->op_count, sizeof(struct pose_image_op)) ||
        !section(h, h->operands_off, h->operand_count, sizeof(uint16_t)) || !section(h, h->params_off, h->params_bytes, 1u) ||
        !section(h, h->consts_off, h->consts_bytes, 1u)) {
        return false;
    }
    if (h->tensor_count == 0u || h->tensor_count > POSE_IMAGE_MAX_TENSORS || h->op_count == 0u || h->op_count > 0xFFFFu) {
        return false;
    }
    return aligned(h->arena_bytes) && name_ok(h->name, sizeof h->name) && pose_decoding_ok(&h->decoding);
}

static bool shape_ok(const struct pose_image_tensor *t)
{
    uint64_t bytes = pose_dtype_bytes(t->dtype);
    if (bytes == 0u || t->rank > POSE_IMAGE_MAX_RANK) {
        return false;
    }
    for (uint32_t i = 0; i < POSE_IMAGE_MAX_RANK; i++) {
        if (t->dims[i] == 0u || (i >= t->rank && t->dims[i] != 1u)) {
            return false;
        }
        bytes *= t->dims[i];
        if (bytes > UINT32_MAX) {
            return false;
        }
    }
    return bytes == t->bytes;
}

/* What a tensor occupies where it is stored: less than its bytes when only some of its rows are held. */
static uint32_t held_bytes(const struct pose_image_tensor *t)
{
    return t->rows_held == 0u ? t->bytes : t->bytes / t->dims[1] * t->rows_held;
}

/* All of it, or some rows of one picture in the arena. */
static bool rows_ok(const struct pose_image_tensor *t)
{
    return t->rows_held == 0u || (t->storage == POSE_IN_ARENA && t->rank == 4u && t->dims[0] == 1u && t->rows_held <= t->dims[1]);
}

static bool tensor_ok(const struct pose_image_header *h, uint32_t index, const struct pose_image_tensor *t)
{
    if (!shape_ok(t) || !rows_ok(t) || !aligned(t->offset) || !(t->scale >= 0.0f && t->scale <= MAX_SCALE)) {
        return false;
    }
    if ((t->storage == POSE_IN_SLOT) != (index == h->input_tensor)) {
        return false;
    }
    switch (t->storage) {
    case POSE_IN_ARENA:
        return inside(t->offset, held_bytes(t), h->arena_bytes);
    case POSE_IN_IMAGE:
        return t->offset >= h->consts_off && inside(t->offset - h->consts_off, t->bytes, h->consts_bytes);
    case POSE_IN_SLOT:
        return t->offset == 0u;
    default:
        return false;
    }
}

static bool overlap(uint32_t a, uint32_t a_bytes, uint32_t b, uint32_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

/* Scratch, and the place for many operands, inside the arena. */
static bool workspace_ok(const struct pose_image_header *h, const struct pose_image_op *op)
{
    return aligned(op->scratch_off) && op->scratch_off <= h->arena_bytes &&
           pose_runtime_workspace_bytes(op) <= h->arena_bytes - op->scratch_off;
}

/* Whether operands i and j are input 0 and output 0 of an operator that works in place, as such an operator must have them. */
static bool in_place(const struct pose_runtime *rt, const struct pose_image_op *op, uint32_t i, uint32_t j)
{
    if ((op->flags & POSE_OP_IN_PLACE) == 0u || i != 0u || j != op->input_count) {
        return false;
    }
    const uint16_t *operands = rt->operands + op->operands;
    return rt->tensors[operands[i]].offset == rt->tensors[operands[j]].offset;
}

/* An operator's results and workspace share no byte with each other or with what it reads, but where it works in place:
 * kernels may rely on it. */
static bool disjoint(const struct pose_runtime *rt, const struct pose_image_op *op, const uint16_t *operands)
{
    const uint32_t count = (uint32_t)op->input_count + op->output_count;
    const uint32_t workspace = (uint32_t)pose_runtime_workspace_bytes(op); /* inside the arena: workspace_ok() */
    for (uint32_t i = 0; i < count; i++) {
        const struct pose_image_tensor *a = operands[i] == POSE_IMAGE_NO_TENSOR ? NULL : &rt->tensors[operands[i]];
        if (a == NULL || a->storage != POSE_IN_ARENA) {
            continue;
        }
        if (workspace > 0u && overlap(a->offset, held_bytes(a), op->scratch_off, workspace)) {
            return false;
        }
        for (uint32_t j = op->input_count; j < count; j++) { /* outputs are all in the arena */
            const struct pose_image_tensor *b = &rt->tensors[operands[j]];
            if (i != j && !in_place(rt, op, i, j) && overlap(a->offset, held_bytes(a), b->offset, held_bytes(b))) {
                return false;
            }
        }
    }
    return true;
}

/* Every tensor is written once, before it is read; constants and the slot are never written. */
static bool operands_ok(const struct pose_runtime *rt, const struct pose_image_op *op, struct written *written)
{
    const uint16_t *operands = rt->operands + op->operands;
    for (uint32_t i = 0; i < op->input_count; i++) {
        if (operands[i] == POSE_IMAGE_NO_TENSOR) {
            continue;
        }
        if (operands[i] >= rt->header->tensor_count) {
            return false;
        }
        if (rt->tensors[operands[i]].storage == POSE_IN_ARENA && !is_written(written, operands[i])) {
            return false;
        }
    }
    for (uint32_t i = op->input_count; i < (uint32_t)op->input_count + op->output_count; i++) {
        if (operands[i] >= rt->header->tensor_count || rt->tensors[operands[i]].storage != POSE_IN_ARENA ||
            is_written(written, operands[i])) {
            return false;
        }
        set_written(written, operands[i]);
    }
    return disjoint(rt, op, operands);
}

/* Tensors of which only some rows are held belong to streams, which check them further. */
static bool windows_ok(const struct pose_runtime *rt, uint32_t index)
{
    const struct pose_image_op *op = &rt->ops[index];
    const bool follows = index > 0u && (rt->ops[index - 1u].flags & POSE_OP_STREAMED) != 0u;
    const bool leads = (op->flags & POSE_OP_STREAMED) != 0u;
    for (uint32_t i = 0; i < (uint32_t)op->input_count + op->output_count && !leads && !follows; i++) {
        const uint16_t tensor = rt->operands[op->operands + i];
        if (tensor != POSE_IMAGE_NO_TENSOR && rt->tensors[tensor].rows_held != 0u) {
            return false;
        }
    }
    return !leads || index + 1u < rt->header->op_count;
}

static bool op_ok(const struct pose_runtime *rt, uint32_t index, struct written *written)
{
    const struct pose_image_op *op = &rt->ops[index];
    const struct pose_image_header *h = rt->header;
    const uint32_t count = (uint32_t)op->input_count + op->output_count;
    if ((op->flags & ~(POSE_OP_IN_PLACE | POSE_OP_STREAMED)) != 0u || op->output_count == 0u || count > POSE_IMAGE_MAX_OPERANDS) {
        return false;
    }
    if (!inside(op->operands, count, h->operand_count) || op->params_off % 8u != 0u || op->params_off < h->params_off ||
        !inside(op->params_off - h->params_off, op->params_bytes, h->params_bytes)) {
        return false;
    }
    return workspace_ok(h, op) && operands_ok(rt, op, written) && windows_ok(rt, index);
}

static bool outputs_ok(const struct pose_runtime *rt, const struct written *written)
{
    const struct pose_image_header *h = rt->header;
    const uint32_t max = sizeof h->output_tensors / sizeof h->output_tensors[0];
    if (h->output_count == 0u || h->output_count > max) {
        return false;
    }
    for (uint32_t i = 0; i < max; i++) {
        const uint16_t tensor = h->output_tensors[i];
        if (i >= h->output_count ? tensor != POSE_IMAGE_NO_TENSOR
                                 : tensor >= h->tensor_count || !is_written(written, tensor) || rt->tensors[tensor].rows_held != 0u) {
            return false;
        }
    }
    return true;
}

static int check_header(const uint8_t *image, uint32_t max_bytes)
{
    const struct pose_image_header *h = (const void *)image;
    if (max_bytes < sizeof *h || h->magic != POSE_IMAGE_MAGIC) {
        return POSE_ERR_NO_NETWORK;
    }
    if (h->version != POSE_IMAGE_VERSION) {
        return POSE_ERR_VERSION;
    }
    if (h->header_bytes != sizeof *h || h->image_bytes < sizeof *h || h->image_bytes > max_bytes || !aligned(h->image_bytes)) {
        return POSE_ERR_IMAGE;
    }
    if (image_crc(image, h->image_bytes) != h->crc32) {
        return POSE_ERR_CRC;
    }
    return tables_ok(h) ? POSE_OK : POSE_ERR_IMAGE;
}

int pose_runtime_check_image(struct pose_runtime *rt, const void *image, uint32_t max_bytes, int *failed_op)
{
    struct written written = {{0}};
    *failed_op = -1;
    if (image == NULL || (uintptr_t)image % POSE_RUNTIME_ALIGN != 0u) {
        return POSE_ERR_PARAM;
    }
    const int status = check_header(image, max_bytes);
    if (status != POSE_OK) {
        return status;
    }
    rt->image = image;
    rt->header = image;
    rt->tensors = (const void *)(rt->image + rt->header->tensors_off);
    rt->ops = (const void *)(rt->image + rt->header->ops_off);
    rt->operands = (const void *)(rt->image + rt->header->operands_off);
    if (rt->header->input_tensor >= rt->header->tensor_count) {
        return POSE_ERR_IMAGE;
    }
    for (uint32_t i = 0; i < rt->header->tensor_count; i++) {
        if (!tensor_ok(rt->header, i, &rt->tensors[i])) {
            return POSE_ERR_IMAGE;
        }
    }
    for (uint32_t i = 0; i < rt->header->op_count; i++) {
        if (!op_ok(rt, i, &written)) {
            *failed_op = rt->ops[i].source;
            return POSE_ERR_IMAGE;
        }
    }
    return outputs_ok(rt, &written) ? POSE_OK : POSE_ERR_IMAGE;
}
