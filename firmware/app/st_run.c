/* ST's validation protocol: NETWORK_RUN. The input goes into slot 0; what is sent while the network runs is sent between its operators, outside
 * what is timed, as for INFER. */
#include <string.h>

#include "app/state.h"
#include "app/st_state.h"
#include "pose/status.h"

#define SLOT 0u
#define MODE_IO_ONLY 1u
#define MODE_PER_LAYER 2u
#define MODE_WITH_DATA 4u
#define MODE_PERF 8u
#define CONF_DEBUG 256u /* logs: there are none */
#define CONF_CONST_VALUE 512u
#define CONF_DIRECT_WRITE 1024u /* the input is in its place already */
#define ONE_ELEMENT (CONF_CONST_VALUE | CONF_DIRECT_WRITE)
#define ALL_MODES (MODE_IO_ONLY | MODE_PER_LAYER | MODE_WITH_DATA | MODE_PERF | CONF_DEBUG | ONE_ELEMENT)
#define OPERATOR_INTERNAL (1u << 24)
#define OPERATOR_LAST (2u << 24)
#define OPERATOR_WITHOUT_TENSOR (4u << 24)
#define OPERATOR_CODE 0x7FFFu
#define COUNTER_CPU_64 0u /* a pair of 32-bit words: CPU cycles */

static bool is_name(const struct pose_st_message *request, const char *name)
{
    const uint32_t size = st_field(request, ST_NAME);
    return size < POSE_ST_NAME_BYTES && size == strlen(name) && memcmp(request->head, name, size) == 0;
}

void pose_st_run(const struct pose_st_message *request)
{
    struct st_app *st = &pose_st_app;
    struct pose_net_info info;
    if (pose_app_state.network_status != POSE_OK || pose_net_info(&info) != POSE_OK) {
        pose_st_fail((uint32_t)-pose_app_state.network_status, ST_E_UNINITIALIZED);
        return;
    }
    st->mode = st_field(request, ST_PARAM);
    if ((st->mode & ~ALL_MODES) != 0u || !is_name(request, info.name)) {
        pose_st_refuse();
        return;
    }
    if (info.input->bytes > pose_app_state.slot_bytes) {
        pose_st_fail(info.input->bytes, ST_E_MEM_OVERFLOW);
        return;
    }
    st->left = (st->mode & ONE_ELEMENT) != 0u ? pose_dtype_bytes(info.input->dtype) : info.input->bytes;
    st->held = pose_app_slot(SLOT);
    st->held_bytes = info.input->bytes;
    pose_app_state.held[SLOT] = 0;
    pose_st_expect(ST_PHASE_INPUT, (st->mode & CONF_DIRECT_WRITE) != 0u ? NULL : pose_app_slot(SLOT), st->left);
    if (pose_st_ack(ST_WAITING, st->left, ST_E_NONE) != POSE_OK) {
        pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    }
}

void pose_st_run_input(const struct pose_st_message *data)
{
    struct st_app *st = &pose_st_app;
    struct pose_net_info info;
    const uint32_t size = st_field(data, ST_DATA_BYTES);
    if (pose_net_info(&info) != POSE_OK) {
        pose_st_fail(0, ST_E_INVALID_STATE);
        return;
    }
    if (size != st->left || size != st_field(data, ST_DATA_SIZE)) {
        pose_st_fail(size, ST_E_INVALID_SIZE);
        return;
    }
    uint8_t *slot = pose_app_slot(SLOT);
    for (uint32_t i = size; (st->mode & ONE_ELEMENT) == CONF_CONST_VALUE && i < info.input->bytes; i++) {
        slot[i] = slot[i - size]; /* one value for all elements */
    }
    pose_st_expect(ST_PHASE_INPUT_ACK, NULL, 0);
    if (pose_st_ack(ST_PROCESSING, size, ST_E_NONE) != POSE_OK) {
        pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    }
}

static int send_operator(const char *name, uint32_t type, uint32_t id, uint64_t ticks)
{
    uint8_t bytes[POSE_ST_NAME_BYTES + 72u];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    pose_st_put_string(&w, ST_OP_NAME, name);
    pose_st_put_u32(&w, ST_OP_TYPE, type);
    pose_st_put_u32(&w, ST_OP_ID, id);
    pose_st_put_float(&w, ST_OP_DURATION, pose_st_ms(ticks));
    pose_st_put_u32(&w, ST_OP_COUNTER_TYPE, COUNTER_CPU_64);
    pose_st_put_u32(&w, ST_OP_COUNTERS, (uint32_t)ticks);
    pose_st_put_u32(&w, ST_OP_COUNTERS, (uint32_t)(ticks >> 32));
    pose_st_put_i32(&w, ST_OP_STACK_USED, (int32_t)pose_app_stack_high_water());
    pose_st_put_i32(&w, ST_OP_HEAP_USED, 0);
    return pose_st_answer(ST_PROCESSING, ST_OP, &w, NULL, 0);
}

/* aiTensorMsg: description, then data (none with the flag NO_DATA). */
static int send_tensor(enum st_state state, const struct pose_net_tensor *tensor, uint32_t flags)
{
    uint8_t desc_bytes[ST_TENSOR_DESC_BYTES], bytes[ST_TENSOR_DESC_BYTES + 40u], data_bytes[32];
    struct pose_writer desc = {.data = desc_bytes, .capacity = sizeof desc_bytes};
    struct pose_writer data = {.data = data_bytes, .capacity = sizeof data_bytes};
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    const uint32_t size = (flags & ST_TENSOR_NO_DATA) != 0u ? 0u : tensor->tensor->bytes;
    pose_st_put_desc(&desc, tensor->tensor, tensor->data, flags | ST_TENSOR_IN_MEMPOOL);
    pose_st_put_data(&data, tensor->data, size);
    pose_st_put_message(&w, ST_TENSOR_MSG_DESC, &desc);
    pose_st_put_length(&w, ST_TENSOR_MSG_DATA, data.used + size);
    pose_put_bytes(&w, data_bytes, data.used);
    return pose_st_answer(state, ST_TENSOR, &w, tensor->data, size);
}

static int send_layer(const struct pose_net_event *event)
{
    char numbered[POSE_ST_NAME_BYTES];
    const uint32_t index = event->op != NULL ? event->op->source : event->op_index;
    const uint16_t opcode = event->op != NULL ? event->op->opcode : 0u;
    const char *name = event->name;
    if (name == NULL || strlen(name) >= POSE_ST_NAME_BYTES) { /* a vendor's name may be as long as it likes */
        pose_st_name(numbered, name != NULL ? name : pose_st_operator_name(opcode), index);
        name = numbered;
    }
    const uint32_t type = OPERATOR_INTERNAL | (event->op_index + 1u == event->op_count ? OPERATOR_LAST : 0u) |
                          (event->output_count == 0u ? OPERATOR_WITHOUT_TENSOR : 0u) | (opcode & OPERATOR_CODE);
    const uint32_t no_data = (pose_st_app.mode & MODE_WITH_DATA) != 0u && (pose_st_app.mode & MODE_PERF) == 0u ? 0u : ST_TENSOR_NO_DATA;
    int status = send_operator(name, type, index, event->ticks);
    for (uint32_t i = 0; status == POSE_OK && i < event->output_count; i++) {
        const uint32_t last = i + 1u == event->output_count ? ST_TENSOR_LAST : 0u;
        status = send_tensor(ST_PROCESSING, &event->outputs[i], ST_TENSOR_INTERNAL | last | no_data);
    }
    return status;
}

struct run {
    bool abandoned; /* the host has gone, or started anew */
};

static int hook(void *user, const struct pose_net_event *event)
{
    struct run *run = user;
    int status = POSE_OK;
    pose_board_timing_end();
    if ((pose_st_app.mode & (MODE_PER_LAYER | MODE_WITH_DATA)) != 0u) {
        status = send_layer(event);
    }
    if (status != POSE_OK || !pose_app_serve_running()) {
        run->abandoned = true;
        status = POSE_ERR_STATE;
    }
    pose_board_timing_begin();
    return status;
}

static int send_outputs(const struct pose_net_info *info)
{
    const uint32_t no_data = (pose_st_app.mode & MODE_PERF) != 0u ? ST_TENSOR_NO_DATA : 0u;
    int status = POSE_OK;
    for (uint32_t i = 0; status == POSE_OK && i < info->output_count; i++) {
        struct pose_net_tensor tensor;
        const bool last = i + 1u == info->output_count;
        status = pose_net_output(i, &tensor);
        if (status == POSE_OK) {
            status = send_tensor(last ? ST_DONE : ST_PROCESSING, &tensor, ST_TENSOR_OUTPUT | (last ? ST_TENSOR_LAST : 0u) | no_data);
        }
    }
    return status;
}

static int run_network(struct run *run, uint64_t *ticks)
{
    struct pose_app *app = &pose_app_state;
    pose_st_expect(ST_PHASE_RUNNING, NULL, 0);
    pose_app_forget_outputs();
    app->running = &app->serial.base;
    app->running_slot = SLOT;
    pose_board_timing_begin();
    const int status = pose_net_run(pose_app_slot(SLOT), hook, run, ticks);
    pose_board_timing_end();
    app->running = NULL;
    pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    return status;
}

void pose_st_run_acknowledged(const struct pose_st_message *ack)
{
    struct pose_net_info info;
    struct run run = {.abandoned = false};
    uint64_t ticks = 0;
    pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    if (st_field(ack, ST_ACK_ERROR) != ST_E_NONE) {
        return; /* the host does not want it */
    }
    if (pose_net_info(&info) != POSE_OK) {
        pose_st_fail(0, ST_E_INVALID_STATE);
        return;
    }
    const int status = run_network(&run, &ticks);
    if (run.abandoned) {
        return;
    }
    if (status != POSE_OK) {
        pose_st_fail((uint32_t)-status, ST_E_GENERIC);
    } else if (send_operator(info.name, 0, 0, ticks) == POSE_OK) {
        (void)send_outputs(&info);
    }
}
