/* net.h for a network that is linked in: what a port has opened, family from the outputs' shape. */
#include "backends/linked.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "pose/net.h"
#include "pose/postproc.h"
#include "pose/status.h"

#define BOX_ROWS 5u
#define MAX_ANCHORS 16384u
#define MAX_KEYPOINTS 255u

static const uint8_t network_sha256[32] = {POSE_NETWORK_SHA256};

static struct {
    struct pose_linked net;
    uint32_t arena_bytes;
    struct pose_decoding decoding;
    bool opened, has_run;
} linked;

static void found(uint8_t family, uint32_t keypoints)
{
    const struct pose_image_tensor *input = &linked.net.input;
    if (keypoints > MAX_KEYPOINTS || input->dims[1] > UINT16_MAX || input->dims[2] > UINT16_MAX) {
        return;
    }
    linked.decoding = (struct pose_decoding){.family = family,
                                             .values = 3,
                                             .keypoints = (uint16_t)keypoints,
                                             .classes = 1,
                                             .outputs = {0, POSE_NO_OUTPUT},
                                             .max_persons = POSE_USUAL_PERSONS,
                                             .score = POSE_USUAL_SCORE,
                                             .nms_iou = POSE_USUAL_NMS_IOU};
}

/* Until the host says more: one output, told by its shape, as pytest_stm32pose/families does. */
static void find_family(void)
{
    const struct pose_image_tensor *t = &linked.net.outputs[0];
    const uint32_t *d = t->dims;
    linked.decoding = (struct pose_decoding){.family = POSE_FAMILY_NONE};
    if (linked.net.output_count != 1u || d[0] != 1u) {
        return;
    }
    if (t->rank == 4u && d[1] == 1u && d[3] == 3u) {
        found(POSE_FAMILY_SINGLE_POSE, d[2]);
    } else if (t->rank == 4u) {
        found(POSE_FAMILY_HEATMAP, d[3]);
    } else if (t->rank == 3u && d[1] > BOX_ROWS && (d[1] - BOX_ROWS) % 3u == 0u && d[2] <= MAX_ANCHORS) {
        found(POSE_FAMILY_YOLO, (d[1] - BOX_ROWS) / 3u);
    }
}

int pose_net_set_decoding(const struct pose_decoding *decoding)
{
    if (!linked.opened) {
        return POSE_ERR_STATE;
    }
    if (!pose_decoding_ok(decoding)) {
        return POSE_ERR_PARAM;
    }
    linked.decoding = *decoding;
    return POSE_OK;
}

int pose_net_open(const void *image, uint32_t max_bytes, void *arena, uint32_t arena_bytes)
{
    memset(&linked, 0, sizeof linked);
    linked.arena_bytes = arena_bytes & ~3u;
    pose_linked_arena_start(arena, linked.arena_bytes);
    const int status = pose_port_open(&linked.net, (void *)(uintptr_t)image, max_bytes);
    if (status != POSE_OK) {
        return status;
    }
    for (uint32_t i = 0; i < linked.net.output_count; i++) {
        if (linked.net.output_data[i] == NULL) {
            return POSE_ERR_IMAGE;
        }
    }
    if (linked.net.input_data == NULL || linked.net.output_count == 0u) {
        return POSE_ERR_IMAGE;
    }
    find_family();
    linked.opened = true;
    return POSE_OK;
}

int pose_net_failed_op(void)
{
    return -1;
}

int pose_net_info(struct pose_net_info *info)
{
    if (!linked.opened) {
        return POSE_ERR_STATE;
    }
    *info = (struct pose_net_info){
        .name = linked.net.name,
        .model_sha256 = network_sha256,
        .image_bytes = linked.net.weights_bytes,
        .arena_bytes = pose_linked_arena_taken(),
        .arena_available = linked.arena_bytes,
        .op_count = linked.net.op_count,
        .tensor_count = 1u + linked.net.output_count,
        .macc = linked.net.macc,
        .decoding = &linked.decoding,
        .input = &linked.net.input,
        .output_count = linked.net.output_count,
    };
    return POSE_OK;
}

int pose_net_run(const void *input, pose_net_hook hook, void *user, uint64_t *ticks)
{
    if (!linked.opened) {
        return POSE_ERR_STATE;
    }
    if (input == NULL) {
        return POSE_ERR_PARAM;
    }
    linked.has_run = false;
    memcpy(linked.net.input_data, input, linked.net.input.bytes); /* the vendor may write into its input */
    pose_linked_nodes_start(linked.net.op_count, hook, user);
    int status = pose_port_run();
    const int told = pose_linked_nodes_end(status == POSE_OK, ticks);
    status = status == POSE_OK ? told : status;
    linked.has_run = status == POSE_OK;
    return status;
}

int pose_net_output(uint32_t index, struct pose_net_tensor *out)
{
    if (!linked.opened) {
        return POSE_ERR_STATE;
    }
    if (index >= linked.net.output_count) {
        return POSE_ERR_PARAM;
    }
    out->tensor = &linked.net.outputs[index];
    out->data = linked.has_run ? linked.net.output_data[index] : NULL;
    return POSE_OK;
}

uint32_t pose_net_arena_high_water(void)
{
    return linked.opened ? pose_linked_arena_high_water() : 0u;
}
