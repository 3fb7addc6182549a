/* ST's validation protocol: which command a message is or belongs to, SYNC and SYS_INFO. */
#include "app/state.h"
#include "app/st_state.h"

#define VERSION (3u << 8 | 1u) /* a runner takes its own and all older ones: 3.1 is the newest that all three take */
#define CAN_OBSERVE 1u
#define CAN_READ_WRITE 8u
#define CACHE_ICACHE (1u << 10)
#define CACHE_DCACHE (1u << 11)
#define CACHE_FPU (1u << 16)
#define SAME_PACKETS 0u /* com_param: packets stay as long as they are */
#define PATIENCE_S 20u /* for the rest of a packet: an emulator's time runs some times faster than the host's clock */
#define QUIET_PER_S 5u /* parts of a second after which a line is quiet: less than a runner waits before it says its first word (0.4 s) */
#define ENOUGH_LOOKS 2u

enum command {
    CMD_SYNC = 0,
    CMD_SYS_INFO = 1,
    CMD_DISCONNECT = 2,
    CMD_NETWORK_INFO = 10,
    CMD_NETWORK_RUN = 11,
    CMD_MEMORY_READ = 20,
    CMD_MEMORY_WRITE = 21,
    CMD_MEMORY_CHECKSUM = 22
};

/* sysinfoMsg.cache, as far as the core itself tells. ST's series and flash latency are not: 0. */
static uint32_t cache(void)
{
    const uint32_t features = pose_board_core_features();
    return ((features & POSE_CORE_FPU) != 0u ? CACHE_FPU : 0u) | ((features & POSE_CORE_ICACHE) != 0u ? CACHE_ICACHE : 0u) |
           ((features & POSE_CORE_DCACHE) != 0u ? CACHE_DCACHE : 0u);
}

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
    const uint32_t extra = pose_st_app.wide ? ST_SINFO_EXTRA : ST_SINFO_A_EXTRA;
    uint8_t bytes[64];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    (void)request;
    pose_st_put_u32(&w, ST_SINFO_DEVID, board->device_id);
    pose_st_put_u32(&w, ST_SINFO_SCLOCK, board->clock_hz);
    pose_st_put_u32(&w, ST_SINFO_HCLOCK, board->bus_hz != 0u ? board->bus_hz : board->clock_hz);
    pose_st_put_u32(&w, ST_SINFO_CACHE, cache());
    if (pose_st_app.wide) {
        pose_st_put_u32(&w, ST_SINFO_COM_PARAM, SAME_PACKETS);
    }
    pose_st_put_u32(&w, extra, board->clock_hz);
    pose_st_put_u32(&w, extra, board->npu_hz);
    pose_st_put_u32(&w, extra, board->nic_hz);
    (void)pose_st_answer(ST_IDLE, ST_SINFO, &w, NULL, 0);
}

/* The host closes its port and waits for nothing; it may be another one that comes next. */
static void disconnect(const struct pose_st_message *request)
{
    (void)request;
    if (!pose_st_app.wide) {
        pose_st_refuse(); /* generation A does not know it and waits for an answer */
    }
}

static void start(const struct pose_st_message *request)
{
    static const struct {
        uint32_t command;
        void (*run)(const struct pose_st_message *);
    } commands[] = {
        {CMD_SYNC, sync},
        {CMD_SYS_INFO, sys_info},
        {CMD_DISCONNECT, disconnect},
        {CMD_NETWORK_INFO, pose_st_network_info},
        {CMD_NETWORK_RUN, pose_st_run},
        {CMD_MEMORY_READ, pose_st_memory_read},
        {CMD_MEMORY_WRITE, pose_st_memory_write},
        {CMD_MEMORY_CHECKSUM, pose_st_memory_checksum},
    };
    pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    pose_st_app.reqid = st_field(request, ST_REQID);
    pose_st_app.wide = pose_st_app.link.wide;
    for (uint32_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].command == st_field(request, ST_CMD)) {
            commands[i].run(request);
            return;
        }
    }
    pose_st_refuse();
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

/* True: something has begun and more of it, or that nothing more comes, would tell; do not sleep, for time stands still then. A command is over
 * when the rest of a packet does not come. Between packets no time is needed: whatever comes then shows whether it continues the command. */
static bool watch(struct st_app *st)
{
    const uint64_t now = pose_board_ticks();
    const struct pose_board_info *board = pose_board_info();
    const uint64_t patience = (uint64_t)PATIENCE_S * board->tick_hz;
    const uint64_t quiet = board->tick_hz / QUIET_PER_S;
    if (!pose_st_link_is_curious(&st->link)) {
        return false;
    }
    if (st->taken != st->link.taken) {
        st->taken = st->link.taken;
        st->since = now;
        st->looks = 0;
    }
    /* The port is read between two looks: what came after the first one came after the pause. */
    if (st->looks < ENOUGH_LOOKS && now - st->since > quiet && ++st->looks == ENOUGH_LOOKS) {
        pose_st_link_quiet(&st->link);
    }
    const bool inside_packet = st->link.tap.inside && st->link.count != 0u;
    if (inside_packet && now - st->since > (board->stall_ticks < patience ? board->stall_ticks : patience)) {
        pose_app_st_end();
    }
    return inside_packet || st->looks < ENOUGH_LOOKS || st->link.event != POSE_ST_NOTHING;
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
    return event != POSE_ST_NOTHING || watch(st);
}
