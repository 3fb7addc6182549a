/* What linked.c and the ports use, and needs neither: room in the arena, the description of a tensor, the time of a node. */
#include <stdbool.h>
#include <stddef.h>

#include "backends/linked.h"
#include "pose/board.h"
#include "pose/status.h"
#include "pose/vendor.h"

#define PAINT 0xC5C5C5C5u
#define NAME_BYTES 64u

static struct {
    uint8_t *start;
    uint32_t bytes, taken;
    bool painted;
} arena;

static struct {
    pose_net_hook hook;
    void *user;
    uint64_t mark, sum;
    uint32_t nodes, expected;
    int status; /* of the hook; the vendor's run cannot be stopped in the middle, so it is remembered */
} run;

/* Of boards that are no STM32: what runs there is a stand-in. */
__attribute__((weak)) void pose_board_crc_start(void)
{
}

__attribute__((weak)) void pose_board_npu_start(void)
{
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

void pose_linked_arena_start(void *start, uint32_t bytes)
{
    arena.start = start;
    arena.bytes = bytes;
    arena.taken = 0;
    arena.painted = false;
}

uint32_t pose_linked_arena_taken(void)
{
    return arena.taken;
}

uint32_t pose_linked_arena_high_water(void)
{
    const uint32_t *words = (const uint32_t *)(const void *)arena.start;
    if (!arena.painted) {
        return arena.taken;
    }
    uint32_t used = arena.bytes / 4u;
    while (used > 0u && words[used - 1u] == PAINT) {
        used--;
    }
    return used * 4u;
}

void pose_linked_paint(void)
{
    uint32_t *words = (uint32_t *)(void *)arena.start;
    for (uint32_t i = 0; i < arena.bytes / 4u; i++) {
        words[i] = PAINT;
    }
    arena.painted = true;
}

void *pose_linked_take(uint32_t bytes)
{
    const uintptr_t here = (uintptr_t)arena.start + arena.taken;
    const uint32_t skip = (uint32_t)(-here % POSE_LINKED_ALIGN);
    const uint32_t left = arena.bytes - arena.taken;
    if (skip > left || bytes > left - skip) {
        return NULL;
    }
    arena.taken += skip + bytes;
    return arena.start + (arena.taken - bytes);
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

void pose_linked_nodes_start(uint32_t expected, pose_net_hook hook, void *user)
{
    run.hook = hook;
    run.user = user;
    run.sum = 0;
    run.nodes = 0;
    run.expected = expected;
    run.status = POSE_OK;
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
        const struct pose_net_event event = {.op_index = index, .op_count = run.expected, .op = &op, .ticks = ticks, .name = name};
        run.status = run.hook(run.user, &event);
    }
    run.mark = pose_board_ticks();
}

int pose_linked_nodes_end(bool finished, uint64_t *ticks)
{
    if (finished && run.nodes == 0u) {
        pose_linked_node_done("network", -1, NULL); /* their API told of no nodes: the whole is known */
    }
    if (ticks != NULL) {
        *ticks = run.sum;
    }
    return run.status;
}
