/* net.h for a network that is linked in: buffers from the arena, time per node, family from the outputs' shape. */
#include "backends/linked.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "pose/board.h"
#include "pose/net.h"
#include "pose/status.h"
#include "pose/vendor.h"

#define PAINT 0xC5C5C5C5u
#define NAME_BYTES 64u
#define BOX_ROWS 5u
#define MAX_ANCHORS 16384u
#define MAX_KEYPOINTS 255u

static const uint8_t network_sha256[32] = {POSE_NETWORK_SHA256};

static struct {
    struct pose_linked net;
    uint8_t *arena;
    uint32_t arena_bytes, taken;
    uint8_t family, keypoints;
    bool painted, opened, has_run;
} linked;

static struct {
    pose_net_hook hook;
    void *user;
    uint64_t mark, sum;
    uint32_t nodes;
    int status; /* of the hook; the vendor's run cannot be stopped in the middle, so it is remembered */
} run;

/* Of boards that are no STM32: what runs there is a stand-in. */
__attribute__((weak)) void pose_board_crc_start(void)
{
}

__attribute__((weak)) void pose_board_npu_start(void)
{
}

/* As pytest_stm32pose/families: one output, told by its shape. */
static void find_family(void)
{
    const struct pose_image_tensor *t = &linked.net.outputs[0];
    const uint32_t *d = t->dims;
    linked.family = POSE_FAMILY_NONE;
    linked.keypoints = 0;
    if (linked.net.output_count != 1u || d[0] != 1u) {
        return;
    }
    if (t->rank == 4u && d[1] == 1u && d[3] == 3u) {
        if (d[2] <= MAX_KEYPOINTS) {
            linked.family = POSE_FAMILY_SINGLE_POSE;
            linked.keypoints = (uint8_t)d[2];
        }
    } else if (t->rank == 4u && d[3] <= MAX_KEYPOINTS) {
        linked.family = POSE_FAMILY_HEATMAP;
        linked.keypoints = (uint8_t)d[3];
    } else if (t->rank == 3u && d[1] > BOX_ROWS && (d[1] - BOX_ROWS) % 3u == 0u && (d[1] - BOX_ROWS) / 3u <= MAX_KEYPOINTS &&
               d[2] <= MAX_ANCHORS) {
        linked.family = POSE_FAMILY_YOLO;
        linked.keypoints = (uint8_t)((d[1] - BOX_ROWS) / 3u);
    }
}

int pose_linked_tensor(struct pose_image_tensor *tensor, uint8_t dtype, const uint32_t *dims, uint32_t rank, uint32_t bytes,
                       uint32_t source)
{
    uint64_t size = pose_dtype_bytes(dtype);
    if (rank == 0u || rank > POSE_IMAGE_MAX_RANK || size == 0u) {
        return POSE_ERR_IMAGE;
    }
    *tensor = (struct pose_image_tensor){.dtype = dtype, .rank = (uint8_t)rank, .storage = POSE_IN_ARENA, .bytes = bytes, .source = source};
    for (uint32_t i = 0; i < POSE_IMAGE_MAX_RANK; i++) {
        tensor->dims[i] = i < rank ? dims[i] : 1u;
        size *= tensor->dims[i];
        if (size == 0u || size > UINT32_MAX) {
            return POSE_ERR_IMAGE;
        }
    }
    return size == bytes ? POSE_OK : POSE_ERR_IMAGE;
}

void pose_linked_paint(void)
{
    uint32_t *words = (uint32_t *)(void *)linked.arena;
    for (uint32_t i = 0; i < linked.arena_bytes / 4u; i++) {
        words[i] = PAINT;
    }
    linked.painted = true;
}

void *pose_linked_take(uint32_t bytes)
{
    const uintptr_t here = (uintptr_t)linked.arena + linked.taken;
    const uint32_t skip = (uint32_t)(-here % POSE_LINKED_ALIGN);
    const uint32_t left = linked.arena_bytes - linked.taken;
    if (skip > left || bytes > left - skip) {
        return NULL;
    }
    linked.taken += skip + bytes;
    return linked.arena + (linked.taken - bytes);
}

int pose_net_open(const void *image, uint32_t max_bytes, void *arena, uint32_t arena_bytes)
{
    memset(&linked, 0, sizeof linked);
    linked.arena = arena;
    linked.arena_bytes = arena_bytes & ~3u;
    const int status = pose_port_open(&linked.net, (void *)(uintptr_t)image, max_bytes);
    if (status != POSE_OK) {
        return status;
    }
    for (uint32_t i = 0; i < linked.net.output_count; i++) {
        if (linked.net.output_data[i] == NULL) {
            return POSE_ERR_IMAGE;
        }
    }
    if (linked.net.input_data == NULL || linked.net.output_count == 0u) {
        return POSE_ERR_IMAGE;
    }
    find_family();
    linked.opened = true;
    return POSE_OK;
}

int pose_net_failed_op(void)
{
    return -1;
}

int pose_net_info(struct pose_net_info *info)
{
    if (!linked.opened) {
        return POSE_ERR_STATE;
    }
    *info = (struct pose_net_info){
        .name = linked.net.name,
        .model_sha256 = network_sha256,
        .image_bytes = linked.net.weights_bytes,
        .arena_bytes = linked.taken,
        .arena_available = linked.arena_bytes,
        .op_count = linked.net.op_count,
        .tensor_count = 1u + linked.net.output_count,
        .macc = linked.net.macc,
        .family = linked.family,
        .keypoints = linked.keypoints,
        .input = &linked.net.input,
        .output_count = linked.net.output_count,
    };
    return POSE_OK;
}

static uint32_t append(char *name, uint32_t used, const char *text)
{
    while (*text != '\0' && used < NAME_BYTES - 1u) {
        name[used++] = *text++;
    }
    name[used] = '\0';
    return used;
}

static void make_name(char *name, const char *kind, int32_t number, const char *note)
{
    char digits[11];
    uint32_t first = sizeof digits - 1u;
    digits[first] = '\0';
    for (uint32_t left = number < 0 ? 0u : (uint32_t)number; first == sizeof digits - 1u || left != 0u; left /= 10u) {
        digits[--first] = (char)('0' + left % 10u);
    }
    uint32_t used = append(name, 0, kind);
    if (number >= 0) {
        used = append(name, append(name, used, " "), digits + first);
    }
    if (note != NULL) {
        (void)append(name, append(name, append(name, used, " ("), note), ")");
    }
}

void pose_linked_start(void)
{
    run.mark = pose_board_ticks();
}

void pose_linked_node_done(const char *kind, int32_t number, const char *note)
{
    const uint64_t ticks = pose_board_ticks() - run.mark;
    char name[NAME_BYTES];
    const uint32_t index = run.nodes++;
    run.sum += ticks;
    if (run.hook != NULL && run.status == POSE_OK) {
        make_name(name, kind, number, note);
        const struct pose_image_op op = {.source = (uint16_t)index};
        const struct pose_net_event event = {.op_index = index, .op_count = linked.net.op_count, .op = &op, .ticks = ticks, .name = name};
        run.status = run.hook(run.user, &event);
    }
    run.mark = pose_board_ticks();
}

int pose_net_run(const void *input, pose_net_hook hook, void *user, uint64_t *ticks)
{
    if (!linked.opened) {
        return POSE_ERR_STATE;
    }
    if (input == NULL) {
        return POSE_ERR_PARAM;
    }
    run.hook = hook;
    run.user = user;
    run.sum = 0;
    run.nodes = 0;
    run.status = POSE_OK;
    linked.has_run = false;
    memcpy(linked.net.input_data, input, linked.net.input.bytes); /* the vendor may write into its input */
    int status = pose_port_run();
    if (status == POSE_OK && run.nodes == 0u) {
        pose_linked_node_done("network", -1, NULL); /* their API told of no nodes: the whole is known */
    }
    status = status == POSE_OK ? run.status : status;
    linked.has_run = status == POSE_OK;
    if (ticks != NULL) {
        *ticks = run.sum;
    }
    return status;
}

int pose_net_output(uint32_t index, struct pose_net_tensor *out)
{
    if (!linked.opened) {
        return POSE_ERR_STATE;
    }
    if (index >= linked.net.output_count) {
        return POSE_ERR_PARAM;
    }
    out->tensor = &linked.net.outputs[index];
    out->data = linked.has_run ? linked.net.output_data[index] : NULL;
    return POSE_OK;
}

uint32_t pose_net_arena_high_water(void)
{
    const uint32_t *words = (const uint32_t *)(const void *)linked.arena;
    if (!linked.opened || !linked.painted) {
        return linked.opened ? linked.taken : 0u;
    }
    uint32_t used = linked.arena_bytes / 4u;
    while (used > 0u && words[used - 1u] == PAINT) {
        used--;
    }
    return used * 4u;
}
