/* ST's validation protocol: which command it is, what the host is expected to send next, SYNC and SYS_INFO. */
#include "app/state.h"
#include "app/st_state.h"
#include "pose/status.h"

#define VERSION (3u << 8 | 1u)
#define CAN_OBSERVE 1u
#define CAN_READ_WRITE 8u
#define RUNTIME_ST_AI 1u
#define RUNTIME_TFLM 2u
#define RUNTIME_ATON 4u
#define API_ST_AI (1u << 8)
#define TOOLS_GCC (1u << 16)
#define PATIENCE_S 20u /* for the rest of a packet: an emulator's time runs some times faster than the host's clock */

enum command {
    CMD_SYNC = 0,
    CMD_SYS_INFO = 1,
    CMD_NETWORK_INFO = 10,
    CMD_NETWORK_RUN = 11,
    CMD_MEMORY_READ = 20,
    CMD_MEMORY_WRITE = 21,
    CMD_MEMORY_CHECKSUM = 22
};

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
    pose_st_put_u32(&w, 1, st->reqid);
    pose_st_put_u32(&w, 2, (uint32_t)state);
    pose_st_put_length(&w, (uint32_t)payload, head->used + body_bytes);
    if (w.overflow || head->overflow) {
        return POSE_ERR_INTERNAL;
    }
    pose_st_send_start(&sender, st->link.serial, w.used + head->used + body_bytes);
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

/* ST's numbers of runtimes: what its runner makes of operators depends on it. Ours numbers them as TFLite does, so it says TFLM. */
uint32_t pose_st_runtime_id(void)
{
    static const char backend[] = POSE_BACKEND_NAME;
    const uint32_t runtime = backend[0] == 'a' ? RUNTIME_ATON : backend[0] == 's' ? RUNTIME_ST_AI | API_ST_AI : RUNTIME_TFLM;
    return runtime | TOOLS_GCC;
}

static void sync(const struct pose_st_message *request)
{
    uint8_t bytes[32];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    (void)request;
    pose_st_put_u32(&w, 1, VERSION);
    pose_st_put_u32(&w, 4, CAN_OBSERVE | CAN_READ_WRITE);
    pose_st_put_u32(&w, 5, pose_st_runtime_id());
    (void)pose_st_answer(ST_IDLE, ST_SYNC, &w, NULL, 0);
}

static void sys_info(const struct pose_st_message *request)
{
    const struct pose_board_info *board = pose_board_info();
    uint8_t bytes[64];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    (void)request;
    pose_st_put_u32(&w, 1, board->device_id);
    pose_st_put_u32(&w, 2, board->clock_hz);
    pose_st_put_u32(&w, 3, board->bus_hz != 0u ? board->bus_hz : board->clock_hz);
    pose_st_put_u32(&w, 4, 0); /* cache settings in a coding of ST's device support: not told */
    pose_st_put_u32(&w, 5, board->clock_hz);
    pose_st_put_u32(&w, 5, board->npu_hz);
    pose_st_put_u32(&w, 5, board->nic_hz);
    (void)pose_st_answer(ST_IDLE, ST_SINFO, &w, NULL, 0);
}

static void start(const struct pose_st_message *request)
{
    static const struct {
        uint32_t command;
        void (*run)(const struct pose_st_message *);
    } commands[] = {
        {CMD_SYNC, sync},
        {CMD_SYS_INFO, sys_info},
        {CMD_NETWORK_INFO, pose_st_network_info},
        {CMD_NETWORK_RUN, pose_st_run},
        {CMD_MEMORY_READ, pose_st_memory_read},
        {CMD_MEMORY_WRITE, pose_st_memory_write},
        {CMD_MEMORY_CHECKSUM, pose_st_memory_checksum},
    };
    pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    pose_st_app.reqid = st_field(request, ST_REQID);
    for (uint32_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].command == st_field(request, ST_CMD)) {
            commands[i].run(request);
            return;
        }
    }
    pose_st_fail(st_field(request, ST_CMD), ST_E_INVALID_CMD);
}

static void handle(const struct pose_st_message *message)
{
    static const struct {
        enum st_phase phase;
        enum pose_st_kind kind;
        void (*run)(const struct pose_st_message *);
    } steps[] = {
        {ST_PHASE_INPUT, POSE_ST_DATA, pose_st_run_input},
        {ST_PHASE_INPUT_ACK, POSE_ST_ACK, pose_st_run_acknowledged},
        {ST_PHASE_WRITE, POSE_ST_DATA, pose_st_memory_data},
        {ST_PHASE_READ_ACK, POSE_ST_ACK, pose_st_memory_acknowledged},
    };
    const enum pose_st_kind kind = pose_st_message_kind(message);
    if (kind == POSE_ST_REQUEST) {
        start(message); /* in the middle of a command, too: the host has started anew */
        return;
    }
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i].phase == pose_st_app.phase && steps[i].kind == kind) {
            steps[i].run(message);
            return;
        }
    }
    pose_st_fail(0, kind == POSE_ST_MALFORMED ? ST_E_INVALID_FORMAT : ST_E_INVALID_STATE);
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

/* True: the rest of a packet is on its way; do not sleep, for time stands still then. A command is over when it does not come. Between packets no
 * time is needed: whatever comes then shows whether it continues the command. */
static bool inside_packet(struct st_app *st)
{
    const uint64_t now = pose_board_ticks();
    const struct pose_board_info *board = pose_board_info();
    const uint64_t patience = (uint64_t)PATIENCE_S * board->tick_hz;
    if (!st->link.tap.inside || st->link.count == 0u) {
        return false;
    }
    if (st->taken != st->link.taken) {
        st->taken = st->link.taken;
        st->since = now;
    } else if (now - st->since > (board->stall_ticks < patience ? board->stall_ticks : patience)) {
        pose_app_st_end();
    }
    return true;
}

bool pose_app_st_poll(void)
{
    struct st_app *st = &pose_st_app;
    const enum pose_st_event event = pose_st_link_poll(&st->link);
    if (event == POSE_ST_MESSAGE) {
        const struct pose_st_message message = st->link.message;
        pose_st_link_release(&st->link); /* before the answer: meanwhile the next message may come */
        handle(&message);
    } else if (event == POSE_ST_BROKEN) {
        pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    }
    return inside_packet(st) || event != POSE_ST_NOTHING;
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
    st->reqid = is_request ? st_field(&st->link.message, ST_REQID) : st->reqid;
    pose_st_link_release(&st->link);
    if (pose_app_state.running != &pose_app_state.serial.base) { /* else an answer would fall between its frames */
        pose_st_fail(0, ST_E_INVALID_STATE);
    }
    return true;
}
