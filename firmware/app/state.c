/* The application's state, the network it has open, and the input slots that are carved for it. */
#include "app/state.h"

#include "pose/net.h"
#include "pose/status.h"

struct pose_app pose_app_state;

/* Two halves of the board's block, so that a picture can come while another one runs; or all of it as one, for an input too large for a half. What
 * slots of another size held is nobody's any more. */
static void carve_slots(uint32_t input_bytes)
{
    struct pose_app *app = &pose_app_state;
    const uint32_t block = pose_board_info()->slot_block_bytes;
    const uint32_t half = block / 2u / POSE_SLOT_ALIGNMENT * POSE_SLOT_ALIGNMENT;
    const uint32_t count = input_bytes <= half ? 2u : 1u;
    if (count != app->slot_count) {
        app->held[0] = app->held[1] = 0;
    }
    app->slot_count = count;
    app->slot_bytes = count == 2u ? half : block;
}

uint8_t *pose_app_slot(uint32_t index)
{
    return pose_board_info()->slot_block + index * pose_app_state.slot_bytes;
}

void pose_app_open_network(void)
{
    struct pose_app_places *places = &pose_app_state.places;
    struct pose_net_info info;
    const uint64_t start = pose_board_ticks();
    int status = pose_app_settle(pose_app_state.weights_memory, pose_app_state.arena_memory, places);
    if (status == POSE_OK) {
        status = pose_net_open(places->image, places->image_max_bytes, places->arena, places->arena_bytes);
    }
    pose_app_state.network_status = status;
    pose_app_state.open_ticks = pose_board_ticks() - start;
    carve_slots(pose_app_state.network_status == POSE_OK && pose_net_info(&info) == POSE_OK ? info.input->bytes : 0u);
}
