/* INFER: runs the network once and sends tensors and profile, then the keypoints (persons.h), as PROTOCOL.md lays out. Everything that talks to the host
 * happens between the operators, outside what is timed. */
#include <stddef.h>
#include <string.h>

#include "app/persons.h"
#include "app/state.h"
#include "pose/crc32.h"
#include "pose/net.h"
#include "pose/status.h"

#define INFER_BYTES 16u
#define MAX_WANTED 8u /* tensors whose data are asked for by number */
#define MAX_OUTPUTS 8u
#define PROFILE_ENTRIES 64u
#define PROFILE_ENTRY_BYTES 12u
#define CHUNK_HEADER 8u
#define NO_OPERATOR 0xFFFFFFFFu

_Static_assert(4u + PROFILE_ENTRIES * PROFILE_ENTRY_BYTES + POSE_MESSAGE_OVERHEAD <= POSE_SERIAL_MAX_MESSAGE, "a PROFILE fits a message");

enum options { KEYPOINTS = 1, OUTPUTS = 2, INTERMEDIATES = 4, PROFILE = 8, DIGESTS = POSE_CAN_DIGESTS };
#define ALL_OPTIONS ((uint32_t)(KEYPOINTS | OUTPUTS | PROFILE | DIGESTS | POSE_NET_IMAGES * INTERMEDIATES)) /* linked networks have none */
enum part { PART_TENSOR = 1, PART_CHUNK = 2, PART_PROFILE = 3, PART_OP_NAME = 6 };
enum tensor_kind { KIND_OUTPUT = 0, KIND_INTERMEDIATE = 1 };

struct run {
    struct pose_link *link;
    struct pose_message request; /* only type and nonce: the payload is released before the run */
    uint32_t slot, options, input_bytes, input_crc32;
    uint32_t wanted[MAX_WANTED], wanted_count; /* with DIGESTS: tensors that are sent with their data all the same */
    uint32_t output_sources[MAX_OUTPUTS], output_ops[MAX_OUTPUTS], output_count;
    uint8_t profile[PROFILE_ENTRIES * PROFILE_ENTRY_BYTES];
    uint32_t profile_count;
    int link_status; /* of sending; negative: nobody takes the answer */
    bool abandoned; /* the host has started anew */
};

static int read_request(const struct pose_message *request, struct run *run)
{
    const uint8_t *payload = request->payload;
    run->wanted_count = request->length < INFER_BYTES ? 0u : (request->length - INFER_BYTES) / 4u;
    if (run->wanted_count > MAX_WANTED || request->length != INFER_BYTES + 4u * run->wanted_count) {
        return POSE_ERR_LENGTH;
    }
    run->slot = payload[0];
    run->options = pose_get_u32(payload + 4);
    run->input_bytes = pose_get_u32(payload + 8);
    run->input_crc32 = pose_get_u32(payload + 12);
    for (uint32_t i = 0; i < run->wanted_count; i++) {
        run->wanted[i] = pose_get_u32(payload + INFER_BYTES + 4u * i);
    }
    if (run->wanted_count > 0u && (run->options & DIGESTS) == 0u) {
        return POSE_ERR_LENGTH;
    }
    if (run->slot >= pose_app_state.slot_count || payload[1] != 0u || payload[2] != 0u || payload[3] != 0u ||
        (run->options & ~ALL_OPTIONS) != 0u) {
        return POSE_ERR_PARAM;
    }
    return POSE_OK;
}

static int check_input(const struct run *run, const struct pose_net_info *info)
{
    if (run->input_bytes != info->input->bytes) {
        return POSE_ERR_LENGTH;
    }
    if (pose_app_state.held[run->slot] != run->input_bytes) {
        return POSE_ERR_STATE;
    }
    if (pose_crc32(0, pose_app_slot(run->slot), run->input_bytes) != run->input_crc32) {
        return POSE_ERR_CRC;
    }
    return POSE_OK;
}

static int send_part(struct run *run, const struct pose_writer *head, const void *body, uint32_t body_bytes, uint8_t flags)
{
    if (run->link_status == POSE_OK) {
        run->link_status = pose_answer(run->link, &run->request, POSE_OK, flags, head, body, body_bytes);
    }
    return run->link_status;
}

/* Without data a tensor is told by its description and CRC alone, and the host asks when they are not what it expects. */
static bool sends_data(const struct run *run, uint32_t source)
{
    for (uint32_t i = 0; i < run->wanted_count; i++) {
        if (run->wanted[i] == source) {
            return true;
        }
    }
    return (run->options & DIGESTS) == 0u;
}

static int send_tensor(struct run *run, enum tensor_kind kind, uint32_t op_source, const struct pose_net_tensor *tensor)
{
    const struct pose_image_tensor *desc = tensor->tensor;
    uint8_t bytes[12 + 4 * POSE_IMAGE_MAX_RANK + 8];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    pose_put_u8(&w, PART_TENSOR);
    pose_put_u8(&w, (uint8_t)kind);
    pose_put_u8(&w, desc->dtype);
    pose_put_u8(&w, desc->rank);
    pose_put_u32(&w, desc->source);
    pose_put_u32(&w, op_source);
    pose_put_bytes(&w, desc->dims, 4u * (uint32_t)desc->rank);
    pose_put_u32(&w, desc->bytes);
    pose_put_u32(&w, pose_crc32(0, tensor->data, desc->bytes));
    int status = send_part(run, &w, NULL, 0, POSE_FLAG_MORE);
    if (!sends_data(run, desc->source)) {
        return status;
    }
    const uint32_t chunk_max = run->link->max_message - POSE_MESSAGE_OVERHEAD - CHUNK_HEADER;
    for (uint32_t offset = 0; status == POSE_OK && offset < desc->bytes;) {
        const uint32_t left = desc->bytes - offset;
        const uint32_t size = left < chunk_max ? left : chunk_max;
        struct pose_writer head = {.data = bytes, .capacity = sizeof bytes};
        pose_put_u32(&head, PART_CHUNK);
        pose_put_u32(&head, offset);
        status = send_part(run, &head, (const uint8_t *)tensor->data + offset, size, POSE_FLAG_MORE);
        offset += size;
    }
    return status;
}

static int flush_profile(struct run *run)
{
    uint8_t bytes[4];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    if (run->profile_count == 0u) {
        return POSE_OK;
    }
    pose_put_u8(&w, PART_PROFILE);
    pose_put_u8(&w, 0);
    pose_put_u16(&w, (uint16_t)run->profile_count);
    const uint32_t size = run->profile_count * PROFILE_ENTRY_BYTES;
    run->profile_count = 0;
    return send_part(run, &w, run->profile, size, POSE_FLAG_MORE);
}

/* Of operators that the .tflite does not name. */
static int send_op_name(struct run *run, const struct pose_net_event *event)
{
    uint8_t bytes[8];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    pose_put_u32(&w, PART_OP_NAME);
    pose_put_u32(&w, event->op->source);
    return send_part(run, &w, event->name, (uint32_t)strlen(event->name), POSE_FLAG_MORE);
}

static int add_profile(struct run *run, const struct pose_net_event *event)
{
    struct pose_writer w = {.data = run->profile, .capacity = sizeof run->profile, .used = run->profile_count * PROFILE_ENTRY_BYTES};
    pose_put_u32(&w, event->op->source);
    pose_put_u64(&w, event->ticks);
    run->profile_count++;
    return run->profile_count == PROFILE_ENTRIES ? flush_profile(run) : POSE_OK;
}

static void find_outputs(struct run *run, const struct pose_net_info *info)
{
    run->output_count = info->output_count < MAX_OUTPUTS ? info->output_count : MAX_OUTPUTS;
    for (uint32_t i = 0; i < run->output_count; i++) {
        struct pose_net_tensor tensor;
        run->output_sources[i] = pose_net_output(i, &tensor) == POSE_OK ? tensor.tensor->source : NO_OPERATOR;
        run->output_ops[i] = NO_OPERATOR;
    }
}

/* Remembers which operator wrote each network output. */
static void note_outputs(struct run *run, const struct pose_net_event *event)
{
    for (uint32_t i = 0; i < event->output_count; i++) {
        for (uint32_t k = 0; k < run->output_count; k++) {
            if (event->outputs[i].tensor->source == run->output_sources[k]) {
                run->output_ops[k] = event->op->source;
            }
        }
    }
}

static int between_operators(struct run *run, const struct pose_net_event *event)
{
    int status = POSE_OK;
    note_outputs(run, event);
    if ((run->options & INTERMEDIATES) != 0u) {
        for (uint32_t i = 0; status == POSE_OK && i < event->output_count; i++) {
            status = send_tensor(run, KIND_INTERMEDIATE, event->op->source, &event->outputs[i]);
        }
    }
    if (status == POSE_OK && (run->options & PROFILE) != 0u) {
        status = event->name != NULL ? send_op_name(run, event) : POSE_OK;
    }
    if (status == POSE_OK && (run->options & PROFILE) != 0u) {
        status = add_profile(run, event);
    }
    if (!pose_app_serve_running()) {
        run->abandoned = true;
        return POSE_ERR_STATE;
    }
    return status;
}

static int hook(void *user, const struct pose_net_event *event)
{
    pose_board_timing_end();
    const int status = between_operators(user, event);
    pose_board_timing_begin();
    return status;
}

static int send_outputs(struct run *run)
{
    int status = POSE_OK;
    for (uint32_t i = 0; status == POSE_OK && i < run->output_count; i++) {
        struct pose_net_tensor tensor;
        status = pose_net_output(i, &tensor);
        if (status == POSE_OK) {
            status = send_tensor(run, KIND_OUTPUT, run->output_ops[i], &tensor);
        }
    }
    return status;
}

static int send_result(struct run *run, const struct pose_net_info *info, uint64_t ticks)
{
    const struct pose_app_result result = {
        .link = run->link,
        .request = &run->request,
        .info = info,
        .keypoints = (run->options & KEYPOINTS) != 0u,
        .ticks = ticks,
        .input_crc32 = run->input_crc32,
    };
    return run->link_status == POSE_OK ? pose_app_send_result(&result, &run->link_status) : run->link_status;
}

static int run_network(struct run *run, const struct pose_net_info *info)
{
    uint64_t ticks = 0;
    pose_board_timing_begin();
    int status = pose_net_run(pose_app_slot(run->slot), hook, run, &ticks);
    pose_board_timing_end();
    if (status == POSE_OK && (run->options & OUTPUTS) != 0u) {
        status = send_outputs(run);
    }
    if (status == POSE_OK) {
        status = flush_profile(run);
    }
    return status == POSE_OK ? send_result(run, info, ticks) : status;
}

void pose_app_infer(struct pose_link *link, const struct pose_message *request)
{
    struct pose_app *app = &pose_app_state;
    static struct run run;
    struct pose_net_info info;
    run = (struct run){.link = link};
    int status = read_request(request, &run);
    run.request = *request;
    link->ops->release(link);
    if (status == POSE_OK) {
        status = app->network_status == POSE_OK ? pose_net_info(&info) : POSE_ERR_STATE;
    }
    if (status == POSE_OK) {
        status = check_input(&run, &info);
    }
    if (status == POSE_OK) {
        pose_app_st_make_way();
        pose_app_forget_outputs();
        find_outputs(&run, &info);
        app->running = link;
        app->running_slot = run.slot;
        status = run_network(&run, &info);
        app->running = NULL;
    }
    if (status == POSE_OK) {
        app->outputs_link = link;
        app->outputs_nonce = run.request.nonce;
    }
    if (status != POSE_OK && !run.abandoned && run.link_status == POSE_OK) {
        (void)pose_answer_status(link, &run.request, status);
    }
}
