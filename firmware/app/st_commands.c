/* ST's validation protocol: which command a message is or belongs to, SYNC and SYS_INFO. */
#include "app/state.h"
#include "app/st_state.h"

#define VERSION (3u << 8 | 1u)
#define CAN_OBSERVE 1u
#define CAN_READ_WRITE 8u
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

static void sync(const struct pose_st_message *request)
{
    uint8_t bytes[32];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    (void)request;
    pose_st_put_u32(&w, ST_SYNC_VERSION, VERSION);
    pose_st_put_u32(&w, ST_SYNC_CAPABILITY, CAN_OBSERVE | CAN_READ_WRITE);
    pose_st_put_u32(&w, ST_SYNC_RTID, pose_st_runtime_id());
    (void)pose_st_answer(ST_IDLE, ST_SYNC, &w, NULL, 0);
}

static void sys_info(const struct pose_st_message *request)
{
    const struct pose_board_info *board = pose_board_info();
    uint8_t bytes[64];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    (void)request;
    pose_st_put_u32(&w, ST_SINFO_DEVID, board->device_id);
    pose_st_put_u32(&w, ST_SINFO_SCLOCK, board->clock_hz);
    pose_st_put_u32(&w, ST_SINFO_HCLOCK, board->bus_hz != 0u ? board->bus_hz : board->clock_hz);
    pose_st_put_u32(&w, ST_SINFO_CACHE, 0); /* cache settings in a coding of ST's device support: not told */
    pose_st_put_u32(&w, ST_SINFO_EXTRA, board->clock_hz);
    pose_st_put_u32(&w, ST_SINFO_EXTRA, board->npu_hz);
    pose_st_put_u32(&w, ST_SINFO_EXTRA, board->nic_hz);
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
