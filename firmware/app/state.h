/* What the files of the application share. One device: one static state. */
#ifndef POSE_APP_STATE_H
#define POSE_APP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pose/board.h"
#include "pose/mailbox.h"
#include "pose/message.h"
#include "pose/serial_link.h"

#define POSE_SLOTS_MAX 2u
#define POSE_SLOT_ALIGNMENT 32u /* the kernels want 16; a line of the STM32s' data caches has 32, so that no line belongs to two slots */

#define POSE_AS_STARTED 0xFFu /* no memory of the board's table: image where it was flashed, arena where the board has it */

/* Where the network runs from, and in. */
struct pose_app_places {
    const uint8_t *image;
    uint32_t image_max_bytes;
    uint8_t *arena;
    uint32_t arena_bytes; /* without a copy of the image that lies behind */
};

struct pose_app {
    struct pose_serial_link serial;
    struct pose_mailbox_link mailbox;
    struct pose_link *links[2];
    uint32_t link_count;
    int network_status; /* of opening the flashed network */
    uint64_t open_ticks; /* how long that took */
    uint8_t weights_memory, arena_memory; /* of the board's table, where PLACE has put them; POSE_AS_STARTED */
    struct pose_app_places places;
    uint32_t slot_count, slot_bytes; /* the input slots now, and what one of them holds */
    uint32_t held[POSE_SLOTS_MAX]; /* bytes each slot holds */
    struct pose_link *running; /* the link whose INFER is running, NULL: idle */
    uint32_t running_slot;
    struct pose_link *outputs_link; /* whose INFER the outputs in the arena are of, NULL: nobody's */
    uint32_t outputs_nonce;         /* of that INFER */
};

extern struct pose_app pose_app_state;

/* Opens what is flashed at the board's network address, or a copy of it where PLACE wants one, and carves the input slots for it: two where two of its inputs fit, else one. Two without a
 * network, too. */
void pose_app_open_network(void);
/* Finds image and arena, and copies the image to where PLACE wants it: memories of the board's table, or POSE_AS_STARTED. MEMORY: it does not fit there;
 * nothing has been copied. */
int pose_app_settle(uint8_t weights_memory, uint8_t arena_memory, struct pose_app_places *places);
/* Slot `index`, below slot_count, of slot_bytes; POSE_SLOT_ALIGNMENT aligned. */
uint8_t *pose_app_slot(uint32_t index);

void pose_app_hello(struct pose_link *link, const struct pose_message *request);
void pose_app_network_info(struct pose_link *link, const struct pose_message *request);
void pose_app_memory(struct pose_link *link, const struct pose_message *request);
void pose_app_self_test(struct pose_link *link, const struct pose_message *request);
void pose_app_memories(struct pose_link *link, const struct pose_message *request);
void pose_app_memory_speed(struct pose_link *link, const struct pose_message *request);
/* Takes the next well-formed request of the link. What is no message is counted and dropped; another version is answered. */
bool pose_app_next_request(struct pose_link *link, struct pose_message *request);
/* These release the request themselves, once they have read its payload. */
void pose_app_place(struct pose_link *link, const struct pose_message *request);
void pose_app_decoding(struct pose_link *link, const struct pose_message *request);
void pose_app_upload(struct pose_link *link, const struct pose_message *request);
void pose_app_infer(struct pose_link *link, const struct pose_message *request);
void pose_app_output(struct pose_link *link, const struct pose_message *request);
/* Something is about to write where the outputs of the last INFER are. */
void pose_app_forget_outputs(void);
/* Serves what may be served while the network runs. False: the host of the run has started anew, give the run up. */
bool pose_app_serve_running(void);
/* The deepest the stack has been, in bytes; 0: not known. */
uint32_t pose_app_stack_high_water(void);

#if POSE_ST_PROTOCOL
void pose_app_st_init(void);
/* Handles what has arrived of ST's validation protocol. True: there was something, or more is expected soon. */
bool pose_app_st_poll(void);
/* As pose_app_serve_running(), for hosts of ST's protocol. */
bool pose_app_st_serve_running(void);
/* One of our own requests came over the serial port: its host has taken over. */
void pose_app_st_end(void);
/* A network is about to run: no command of ST's that waits for its host goes on, for it may write what the run reads, or read what it writes. */
void pose_app_st_make_way(void);
/* The same when another host is about to change these bytes, for a command that reads or writes one of them. */
void pose_app_st_make_way_in(const uint8_t *memory, uint32_t bytes);
#else
static inline void pose_app_st_init(void)
{
}
static inline bool pose_app_st_poll(void)
{
    return false;
}
static inline bool pose_app_st_serve_running(void)
{
    return true;
}
static inline void pose_app_st_end(void)
{
}
static inline void pose_app_st_make_way(void)
{
}
static inline void pose_app_st_make_way_in(const uint8_t *memory, uint32_t bytes)
{
    (void)memory;
    (void)bytes;
}
#endif

#endif
