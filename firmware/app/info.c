/* HELLO, NETWORK_INFO, DECODING, MEMORY, UPLOAD. */
#include <string.h>

#include "app/state.h"
#include "pose/app.h"
#include "pose/net.h"
#include "pose/status.h"

#define CAPABILITIES                                                                                                                  \
    (POSE_CAN_KEYPOINTS | POSE_CAN_OUTPUTS | (POSE_NET_IMAGES ? POSE_CAN_INTERMEDIATES : 0) | POSE_CAN_PROFILE | POSE_CAN_SELF_TEST | \
     POSE_CAN_MEMORY | POSE_CAN_RESET | POSE_CAN_MEMORIES | POSE_CAN_DIGESTS)
#define HELLO_BYTES (256u - POSE_MESSAGE_OVERHEAD)
#define UPLOAD_HEADER 8u

void pose_app_hello(struct pose_link *link, const struct pose_message *request)
{
    const struct pose_board_info *board = pose_board_info();
    uint8_t bytes[HELLO_BYTES];
    uint8_t id[16];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    pose_put_u16(&w, POSE_PROTOCOL_VERSION);
    pose_put_u8(&w, board->time_source);
    pose_put_u8(&w, (uint8_t)pose_app_state.slot_count);
    pose_put_u32(&w, CAPABILITIES | (pose_app_state.slot_count > 1u ? POSE_CAN_UPLOAD_WHILE_RUNNING : 0u));
    pose_put_u32(&w, pose_board_cpuid());
    pose_put_u32(&w, board->clock_hz);
    pose_put_u32(&w, board->tick_hz);
    pose_put_u32(&w, link->max_message);
    pose_put_u32(&w, pose_app_state.slot_bytes);
    pose_board_unique_id(id);
    pose_put_bytes(&w, id, sizeof id);
    pose_put_string(&w, POSE_FIRMWARE_VERSION);
    pose_put_string(&w, board->name);
    pose_put_string(&w, board->mcu);
    pose_put_string(&w, POSE_BACKEND_NAME);
    pose_put_string(&w, POSE_KERNEL_SET);
    pose_put_string(&w, pose_build_id);
    pose_put_u32(&w, link->window);
    (void)pose_answer(link, request, w.overflow ? POSE_ERR_INTERNAL : POSE_OK, 0, w.overflow ? NULL : &w, NULL, 0);
}

void pose_app_network_info(struct pose_link *link, const struct pose_message *request)
{
    uint8_t bytes[256];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    struct pose_net_info info;
    int status = pose_app_state.network_status;
    if (status == POSE_OK) {
        status = pose_net_info(&info);
    }
    pose_put_u32(&w, (uint32_t)pose_net_failed_op());
    pose_put_u32(&w, (uint32_t)-status);
    if (status == POSE_OK) {
        const struct pose_image_tensor *input = info.input;
        pose_put_bytes(&w, info.model_sha256, 32);
        pose_put_u32(&w, info.image_bytes);
        pose_put_u32(&w, info.image_crc32);
        pose_put_u32(&w, info.arena_bytes);
        pose_put_u32(&w, info.arena_available);
        pose_put_u32(&w, info.op_count);
        pose_put_u32(&w, info.tensor_count);
        pose_put_u64(&w, info.macc);
        pose_put_u8(&w, info.decoding->family);
        pose_put_u8(&w, (uint8_t)(info.decoding->keypoints < UINT8_MAX ? info.decoding->keypoints : UINT8_MAX));
        pose_put_u8(&w, input->dtype);
        pose_put_u8(&w, input->rank);
        pose_put_bytes(&w, input->dims, 4u * (uint32_t)input->rank);
        pose_put_u32(&w, input->bytes);
        pose_put_string(&w, info.name);
        pose_put_bytes(&w, info.decoding, sizeof *info.decoding);
    }
    (void)pose_answer(link, request, POSE_OK, 0, &w, NULL, 0);
}

void pose_app_decoding(struct pose_link *link, const struct pose_message *request)
{
    struct pose_decoding decoding;
    int status = request->length == sizeof decoding ? POSE_OK : POSE_ERR_LENGTH;
    if (status == POSE_OK) {
        memcpy(&decoding, request->payload, sizeof decoding);
        status = pose_net_set_decoding(&decoding);
    }
    link->ops->release(link);
    (void)pose_answer_status(link, request, status);
}

/* Start-up painted the stack; the first word from the bottom that lost its paint ends what was used. */
uint32_t pose_app_stack_high_water(void)
{
    const struct pose_board_info *board = pose_board_info();
    const uint32_t *word = board->stack_bottom;
    if (word == NULL) {
        return 0;
    }
    while (word < board->stack_top && *word == POSE_STACK_PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)board->stack_top - (uintptr_t)word);
}

void pose_app_memory(struct pose_link *link, const struct pose_message *request)
{
    const struct pose_board_info *board = pose_board_info();
    uint8_t bytes[28];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    uint32_t dropped = 0;
    for (uint32_t i = 0; i < pose_app_state.link_count; i++) {
        dropped += pose_app_state.links[i]->dropped;
    }
    pose_put_u32(&w, (uint32_t)((uintptr_t)board->stack_top - (uintptr_t)board->stack_bottom));
    pose_put_u32(&w, pose_app_stack_high_water());
    pose_put_u32(&w, board->arena_bytes);
    pose_put_u32(&w, pose_app_state.network_status == POSE_OK ? pose_net_arena_high_water() : 0u);
    pose_put_u32(&w, board->flash_bytes);
    pose_put_u32(&w, board->ram_bytes);
    pose_put_u32(&w, dropped);
    (void)pose_answer(link, request, POSE_OK, 0, &w, NULL, 0);
}

static int upload(const struct pose_message *request, uint32_t *held)
{
    struct pose_app *app = &pose_app_state;
    if (request->length < UPLOAD_HEADER) {
        return POSE_ERR_LENGTH;
    }
    const uint8_t *payload = request->payload;
    const uint32_t slot = payload[0];
    const uint32_t offset = pose_get_u32(payload + 4);
    const uint32_t bytes = request->length - UPLOAD_HEADER;
    if (slot >= app->slot_count || payload[1] != 0u || payload[2] != 0u || payload[3] != 0u) {
        return POSE_ERR_PARAM;
    }
    if (app->running != NULL && slot == app->running_slot) {
        return POSE_ERR_BUSY;
    }
    if (offset > app->held[slot]) {
        return POSE_ERR_PARAM;
    }
    if (offset > app->slot_bytes || bytes > app->slot_bytes - offset) {
        return POSE_ERR_LENGTH;
    }
    pose_app_st_make_way_in(pose_app_slot(slot) + offset, bytes);
    memcpy(pose_app_slot(slot) + offset, payload + UPLOAD_HEADER, bytes);
    app->held[slot] = offset + bytes;
    *held = app->held[slot];
    return POSE_OK;
}

void pose_app_upload(struct pose_link *link, const struct pose_message *request)
{
    uint8_t bytes[4];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    uint32_t held = 0;
    const int status = upload(request, &held);
    link->ops->release(link);
    pose_put_u32(&w, held);
    (void)pose_answer(link, request, status, 0, status == POSE_OK ? &w : NULL, NULL, 0);
}
