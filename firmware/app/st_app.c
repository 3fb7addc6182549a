/* ST's validation protocol: the command under way, answers to it, and what becomes of its host's messages while a network runs. */
#include "app/state.h"
#include "app/st_state.h"
#include "pose/status.h"

struct st_app pose_st_app;

void pose_st_expect(enum st_phase phase, uint8_t *sink, uint32_t sink_bytes)
{
    struct st_app *st = &pose_st_app;
    st->phase = phase;
    st->link.session = phase != ST_PHASE_IDLE && phase != ST_PHASE_RUNNING;
    st->link.message.sink = sink;
    st->link.message.sink_bytes = sink_bytes;
}

int pose_st_answer(enum st_state state, enum st_payload payload, const struct pose_writer *head, const void *body, uint32_t body_bytes)
{
    struct st_app *st = &pose_st_app;
    struct pose_st_sender sender;
    uint8_t bytes[20];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    pose_st_put_u32(&w, ST_RESPONSE_REQID, st->reqid);
    pose_st_put_u32(&w, ST_RESPONSE_STATE, (uint32_t)state);
    pose_st_put_length(&w, (uint32_t)payload, head->used + body_bytes);
    if (w.overflow || head->overflow) {
        return POSE_ERR_INTERNAL;
    }
    pose_st_send_start(&sender, st->link.serial, st->wide, w.used + head->used + body_bytes);
    int status = pose_st_send(&sender, bytes, w.used);
    if (status == POSE_OK) {
        status = pose_st_send(&sender, head->data, head->used);
    }
    return status == POSE_OK ? pose_st_send(&sender, body, body_bytes) : status;
}

int pose_st_ack(enum st_state state, uint32_t param, enum st_error error)
{
    uint8_t bytes[16];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    pose_st_put_u32(&w, ST_ACK_PARAM, param);
    pose_st_put_u32(&w, ST_ACK_ERROR, (uint32_t)error);
    return pose_st_answer(state, ST_ACK, &w, NULL, 0);
}

void pose_st_fail(uint32_t param, enum st_error error)
{
    pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    (void)pose_st_ack(ST_ERROR, param, error);
}

void pose_st_refuse(void)
{
    pose_st_fail(ST_E_INVALID_PARAM, ST_E_INVALID_PARAM);
}

void pose_app_st_init(void)
{
    pose_st_app = (struct st_app){.phase = ST_PHASE_IDLE};
    pose_st_link_init(&pose_st_app.link, &pose_app_state.serial);
}

void pose_app_st_end(void)
{
    pose_st_link_reset(&pose_st_app.link);
    pose_st_expect(ST_PHASE_IDLE, NULL, 0);
}

/* The host is told when its next message is there, because the device never speaks unasked; until then what it sends goes nowhere. */
void pose_app_st_make_way(void)
{
    if (pose_st_app.link.session) {
        pose_st_expect(ST_PHASE_ENDED, NULL, 0);
    }
}

void pose_app_st_make_way_in(const uint8_t *memory, uint32_t bytes)
{
    const struct st_app *st = &pose_st_app;
    const uintptr_t ours = (uintptr_t)st->held;
    const uintptr_t theirs = (uintptr_t)memory;
    if (ours < theirs + bytes && theirs < ours + st->held_bytes) {
        pose_app_st_make_way();
    }
}

bool pose_app_st_serve_running(void)
{
    struct st_app *st = &pose_st_app;
    const enum pose_st_event event = pose_st_link_poll(&st->link);
    if (event == POSE_ST_MESSAGE && st->phase == ST_PHASE_RUNNING) {
        return false; /* stays in the link; answered when the run has been given up */
    }
    if (event == POSE_ST_BROKEN && st->phase == ST_PHASE_ENDED) {
        pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    }
    if (event != POSE_ST_MESSAGE) {
        return true;
    }
    const bool is_request = pose_st_message_kind(&st->link.message) == POSE_ST_REQUEST;
    if (is_request) {
        st->reqid = st_field(&st->link.message, ST_REQID);
        st->wide = st->link.wide;
    }
    pose_st_link_release(&st->link);
    if (pose_app_state.running != &pose_app_state.serial.base) { /* else an answer would fall between its frames */
        pose_st_fail(0, ST_E_INVALID_STATE);
    }
    return true;
}
