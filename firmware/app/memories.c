/* MEMORIES, PLACE, MEMORY_SPEED: which memories a network runs from, where its image and its arena are, and how fast the image is read. */
#include <string.h>

#include "app/state.h"
#include "pose/net.h"
#include "pose/status.h"

#define PLACE_BYTES 2u
#define SPEED_BYTES (1u << 20)
#define TABLE_BYTES (1u + POSE_MEMORIES_MAX * (1u + 4u + 4u + 1u + 15u + 1u + 47u))

static bool is_within(const void *place, const struct pose_board_memory *memory)
{
    return (uintptr_t)place - (uintptr_t)memory->start < memory->bytes;
}

void pose_app_memories(struct pose_link *link, const struct pose_message *request)
{
    const struct pose_board_info *board = pose_board_info();
    const struct pose_app_places *places = &pose_app_state.places;
    uint8_t bytes[TABLE_BYTES];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    pose_put_u8(&w, (uint8_t)board->memory_count);
    for (uint32_t i = 0; i < board->memory_count; i++) {
        const struct pose_board_memory *memory = &board->memories[i];
        uint8_t flags = memory->flags;
        if (POSE_NET_IMAGES) { /* a network that is linked in lies where its generator has put it */
            flags |= is_within(places->image, memory) ? POSE_MEMORY_WEIGHTS : 0;
            flags |= is_within(places->arena, memory) ? POSE_MEMORY_ARENA : 0;
        }
        pose_put_u8(&w, flags);
        pose_put_u32(&w, (uint32_t)(uintptr_t)memory->start);
        pose_put_u32(&w, memory->bytes);
        pose_put_string(&w, memory->name);
        pose_put_string(&w, memory->mode);
    }
    (void)pose_answer(link, request, w.overflow ? POSE_ERR_INTERNAL : POSE_OK, 0, w.overflow ? NULL : &w, NULL, 0);
}

static bool may_hold(uint8_t index)
{
    const struct pose_board_info *board = pose_board_info();
    return index == POSE_AS_STARTED ||
           (index < board->memory_count && board->memories[index].bytes != 0u && (board->memories[index].flags & POSE_MEMORY_RAM) != 0u);
}

/* Opens the network at its new places. When that fails it is opened where it was at the start, so that the device stays of use. */
static int move(uint8_t weights, uint8_t arena)
{
    struct pose_app *app = &pose_app_state;
    if (!POSE_NET_IMAGES || !may_hold(weights) || !may_hold(arena)) {
        return POSE_ERR_PARAM;
    }
    pose_app_st_make_way();
    pose_app_forget_outputs();
    app->weights_memory = weights;
    app->arena_memory = arena;
    pose_app_open_network();
    const int status = app->network_status;
    if (status != POSE_OK) {
        app->weights_memory = app->arena_memory = POSE_AS_STARTED;
        pose_app_open_network();
    }
    return status;
}

void pose_app_place(struct pose_link *link, const struct pose_message *request)
{
    int status = POSE_ERR_LENGTH;
    uint8_t memories[PLACE_BYTES];
    if (request->length == PLACE_BYTES) {
        memcpy(memories, request->payload, sizeof memories);
        status = POSE_OK;
    }
    link->ops->release(link); /* before the copy: its host may ask again meanwhile */
    (void)pose_answer_status(link, request, status == POSE_OK ? move(memories[0], memories[1]) : status);
}

/* A word after the other, as kernels read weights. */
static uint64_t read_ticks(const uint8_t *data, uint32_t bytes)
{
    const volatile uint32_t *words = (const volatile void *)data;
    pose_board_forget(data, bytes);
    pose_board_timing_begin();
    const uint64_t start = pose_board_ticks();
    for (uint32_t i = 0; i < bytes / 4u; i += 4u) { /* an image is a multiple of 16 bytes */
        (void)words[i];
        (void)words[i + 1u];
        (void)words[i + 2u];
        (void)words[i + 3u];
    }
    const uint64_t ticks = pose_board_ticks() - start;
    pose_board_timing_end();
    return ticks;
}

void pose_app_memory_speed(struct pose_link *link, const struct pose_message *request)
{
    struct pose_net_info info;
    uint8_t bytes[12];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    if (!POSE_NET_IMAGES || pose_app_state.network_status != POSE_OK || pose_net_info(&info) != POSE_OK) {
        (void)pose_answer_status(link, request, POSE_ERR_STATE);
        return;
    }
    const uint32_t size = info.image_bytes < SPEED_BYTES ? info.image_bytes : SPEED_BYTES;
    pose_put_u32(&w, size);
    pose_put_u64(&w, read_ticks(pose_app_state.places.image, size));
    (void)pose_answer(link, request, POSE_OK, 0, &w, NULL, 0);
}
