/* Dispatch: takes one request at a time from whichever link has one and answers on the same link. */
#include "pose/app.h"

#include <stddef.h>

#include "app/state.h"
#include "pose/status.h"

/* A HELLO is waiting on this link: its host has started anew. Only looks; the main loop will answer it. */
static bool hello_waits(struct pose_link *link)
{
    const uint8_t *data;
    uint32_t size;
    struct pose_message message;
    return link->ops->receive(link, &data, &size) && size == POSE_MESSAGE_OVERHEAD && data[1] == POSE_HELLO &&
           pose_message_parse(data, size, &message) == POSE_OK;
}

/* An answer cannot leave. Gives it up when any host asks HELLO, or when nobody has taken a byte for the board's stall time. */
static int stalled(struct pose_link *link)
{
    const uint64_t now = pose_board_ticks();
    for (uint32_t i = 0; i < pose_app_state.link_count; i++) {
        if (hello_waits(pose_app_state.links[i])) {
            return POSE_ERR_STATE;
        }
    }
    if (!link->is_stalled) {
        link->is_stalled = true;
        link->stalled_since = now;
    }
    return now - link->stalled_since > pose_board_info()->stall_ticks ? POSE_ERR_STATE : POSE_OK;
}

void pose_app_init(void)
{
    struct pose_app *app = &pose_app_state;
    const struct pose_board_info *board = pose_board_info();
    *app = (struct pose_app){.weights_memory = POSE_AS_STARTED, .arena_memory = POSE_AS_STARTED};
    pose_app_open_network();
    pose_serial_link_init(&app->serial, stalled);
    pose_app_st_init();
    app->links[app->link_count++] = &app->serial.base;
    if (board->mailbox != NULL) {
        pose_mailbox_link_init(&app->mailbox, board->mailbox, board->mailbox_bytes, stalled);
        app->links[app->link_count++] = &app->mailbox.base;
    }
}

static void reset(struct pose_link *link, const struct pose_message *request)
{
    if (pose_answer_status(link, request, POSE_OK) == POSE_OK) {
        (void)link->ops->drain(link);
    }
    pose_board_reset();
}

static void dispatch(struct pose_link *link, const struct pose_message *request)
{
    typedef void (*handler)(struct pose_link *, const struct pose_message *);
    static const handler with_payload[] = {
        [POSE_UPLOAD] = pose_app_upload, [POSE_INFER] = pose_app_infer,   [POSE_DECODING] = pose_app_decoding,
        [POSE_PLACE] = pose_app_place,   [POSE_OUTPUT] = pose_app_output,
    };
    static const handler without_payload[] = {
        [POSE_HELLO] = pose_app_hello,
        [POSE_NETWORK_INFO] = pose_app_network_info,
        [POSE_SELF_TEST] = pose_app_self_test,
        [POSE_MEMORY] = pose_app_memory,
        [POSE_RESET] = reset,
        [POSE_MEMORIES] = pose_app_memories,
        [POSE_MEMORY_SPEED] = pose_app_memory_speed,
    };
    if (request->type < sizeof with_payload / sizeof with_payload[0] && with_payload[request->type] != NULL) {
        with_payload[request->type](link, request);
        return;
    }
    link->ops->release(link); /* before the answer: a HELLO must not be taken for a later one while its own answer waits */
    if (request->type >= sizeof without_payload / sizeof without_payload[0] || without_payload[request->type] == NULL) {
        (void)pose_answer_status(link, request, POSE_ERR_COMMAND);
    } else if (request->length != 0u) {
        (void)pose_answer_status(link, request, POSE_ERR_LENGTH);
    } else {
        without_payload[request->type](link, request);
    }
}

bool pose_app_poll(void)
{
    bool busy = false;
    for (uint32_t i = 0; i < pose_app_state.link_count; i++) {
        struct pose_link *link = pose_app_state.links[i];
        struct pose_message request;
        if (pose_app_next_request(link, &request)) {
            if (link == &pose_app_state.serial.base) {
                pose_app_st_end();
            }
            dispatch(link, &request);
            busy = true;
        }
    }
    return pose_app_st_poll() || busy;
}

void pose_app_idle(void)
{
    struct pose_app *app = &pose_app_state;
    const bool has_mailbox = pose_board_info()->mailbox != NULL;
    if (!has_mailbox) {
        pose_board_idle();
        return;
    }
    if (!pose_mailbox_sleep(&app->mailbox)) {
        pose_board_idle();
    }
    pose_mailbox_wake(&app->mailbox);
}
