/* One network on the device, whatever runs it: `runtime` (ours), `stedgeai` or `aton` (ST's). app/ knows only this.
 *
 * The build sets POSE_NET_IMAGES. 1: the backend runs network images of ours. 0: the network is linked into the firmware
 * (backends/linked.h): there is no image; `image` is where data of the network may have been flashed, image_bytes counts its weights,
 * model_sha256 is that of the generated files it was built from, tensors have no index in the .tflite (`source` counts outputs), and
 * the operators are the vendor's: events have a name and no outputs. */
#ifndef POSE_NET_H
#define POSE_NET_H

#include <stdint.h>

#include "pose/image.h"

/* What runs the network. The build sets POSE_BACKEND to one of them: POSE_BACKEND_ and its folder under backends/ in capitals. */
enum pose_backend { POSE_BACKEND_RUNTIME, POSE_BACKEND_STEDGEAI, POSE_BACKEND_ATON };

struct pose_net_tensor {
    const void *data;
    const struct pose_image_tensor *tensor;
};

struct pose_net_info {
    const char *name;            /* NUL terminated, at most 63 bytes */
    const uint8_t *model_sha256; /* 32 bytes */
    uint32_t image_bytes, image_crc32;
    uint32_t arena_bytes, arena_available;
    uint32_t op_count, tensor_count;
    uint64_t macc;
    const struct pose_decoding *decoding;
    const struct pose_image_tensor *input;
    uint32_t output_count;
};

/* After one operator: its place, its time, its outputs (valid only during the call). Return non-zero to stop the run. */
struct pose_net_event {
    uint32_t op_index, op_count;
    const struct pose_image_op *op;
    uint64_t ticks; /* this operator alone */
    const struct pose_net_tensor *outputs;
    uint32_t output_count;
    const char *name; /* of an operator that is none of the .tflite's, at most 63 bytes; else NULL */
};
typedef int (*pose_net_hook)(void *user, const struct pose_net_event *event);

/* Checks the network image at `image` (at most `max_bytes`) and binds it to the arena. Returns a pose_status; after a
 * failure pose_net_failed_op() says which operator was refused (its .tflite index), or -1. */
int pose_net_open(const void *image, uint32_t max_bytes, void *arena, uint32_t arena_bytes);
int pose_net_failed_op(void);
/* POSE_ERR_STATE before a successful open. */
int pose_net_info(struct pose_net_info *info);
/* How a network that is linked in is to be decoded; until then it is as its outputs' shapes suggest. PARAM: pose_decoding_ok() refuses it, or
 * the network is an image, which says it itself. */
int pose_net_set_decoding(const struct pose_decoding *decoding);
/* Runs once. `input` holds info.input->bytes bytes, 16-byte aligned, and is not modified. `hook` may be NULL.
 * *ticks: sum over the operators, hooks excluded. */
int pose_net_run(const void *input, pose_net_hook hook, void *user, uint64_t *ticks);
/* Output i: its descriptor from the open on, its data after a run and until the next one. */
int pose_net_output(uint32_t index, struct pose_net_tensor *out);
/* Bytes of the arena that the last runs have touched (high-water mark by paint). */
uint32_t pose_net_arena_high_water(void);

#endif
