/* What the backends share whose network is linked into the firmware: a port brings the vendor's generated code, this makes net.h of it. */
#ifndef POSE_LINKED_H
#define POSE_LINKED_H

#include <stdbool.h>
#include <stdint.h>

#include "pose/image.h"
#include "pose/net.h"

#define POSE_LINKED_MAX_OUTPUTS 8u
#define POSE_LINKED_ALIGN 32u /* of what comes from the arena: a cache line, and no vendor asks for more */

/* Filled by pose_port_open(). Tensors are described by pose_linked_tensor(). */
struct pose_linked {
    const char *name;
    uint64_t macc;
    uint32_t op_count, weights_bytes;
    struct pose_image_tensor input, outputs[POSE_LINKED_MAX_OUTPUTS];
    void *input_data;
    void *output_data[POSE_LINKED_MAX_OUTPUTS];
    uint32_t output_count;
};

/* The port: one implementation each in stedgeai/ and aton/. `data` is the board's network area, of at most `max_bytes`.
 * open: a pose_status; takes its buffers with pose_linked_take(). run: once; calls pose_linked_start() right before what is timed and
 * pose_linked_node_done() after each of the vendor's nodes, where their API tells. */
int pose_port_open(struct pose_linked *net, void *data, uint32_t max_bytes);
int pose_port_run(void);

/* What a port calls (linked_port.c).
 * Paints the whole arena, so that the high-water mark tells what the vendor's code touched. A port whose vendor uses memory of his own choice,
 * which may lie in the arena, does not. */
void pose_linked_paint(void);
/* The next `bytes` of the arena, aligned; NULL: it is full. */
void *pose_linked_take(uint32_t bytes);
void pose_linked_start(void);
/* `kind` and `number` name the node ("epoch 12"), `note` is put behind it in brackets when not NULL. Its time is the time since the node
 * before, or the start. */
void pose_linked_node_done(const char *kind, int32_t number, const char *note);

/* Describes a tensor. IMAGE: a rank of 0 or over POSE_IMAGE_MAX_RANK, an unknown dtype (0), a dimension below 1, or `bytes` that are not
 * those of its elements. */
int pose_linked_tensor(struct pose_image_tensor *tensor, uint8_t dtype, const uint32_t *dims, uint32_t rank, uint32_t bytes,
                       uint32_t source);

/* What linked.c calls around a port (linked_port.c).
 * start: the arena is empty from here on; `bytes` is a multiple of 4. taken: by pose_linked_take(). high_water: what was touched of a painted
 * arena, else what was taken. */
void pose_linked_arena_start(void *start, uint32_t bytes);
uint32_t pose_linked_arena_taken(void);
uint32_t pose_linked_arena_high_water(void);
/* Around pose_port_run(): the hook (or NULL) is called after each of `expected` nodes until it gives up. end: *ticks (where not NULL) is the
 * sum of the nodes', and the status is the hook's; a port that has `finished` and told of no nodes has run one. */
void pose_linked_nodes_start(uint32_t expected, pose_net_hook hook, void *user);
int pose_linked_nodes_end(bool finished, uint64_t *ticks);

#endif
