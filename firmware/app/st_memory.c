/* ST's validation protocol: memory that the device gives away. Addresses are the device's own, 32 bits. */
#include "app/state.h"
#include "app/st_state.h"
#include "pose/status.h"

#define CHUNK_BYTES 1024u

struct region {
    const void *start;
    uint32_t bytes;
    bool writable;
};

/* The byte at `address`, when `size` bytes from there lie in one of the regions; else NULL. Differences are taken modulo 2^32, so that tests on
 * a host with longer addresses say their low 32 bits. */
static uint8_t *find(uint32_t address, uint32_t size, bool to_write)
{
    const struct pose_board_info *board = pose_board_info();
    const struct pose_app_places *places = &pose_app_state.places;
    const struct region regions[] = {
        {places->arena, places->arena_bytes, true}, /* without a copied image: what has been checked stays as it is */
        {board->slot_block, board->slot_block_bytes, true},
        {board->network, board->network_max_bytes, false},
        {places->image, places->image_max_bytes, false},
        {board->mailbox, board->mailbox != NULL ? board->mailbox_bytes : 0u, false}, /* another host's */
    };
    for (uint32_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        const uint32_t offset = address - (uint32_t)(uintptr_t)regions[i].start;
        if ((regions[i].writable || !to_write) && offset < regions[i].bytes && size <= regions[i].bytes - offset) {
            return (uint8_t *)(uintptr_t)regions[i].start + offset;
        }
    }
    return NULL;
}

/* The BSD checksum, 16 bits. */
static uint32_t checksum(const uint8_t *data, uint32_t size)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < size; i++) {
        sum = ((sum >> 1 | sum << 15) + data[i]) & 0xFFFFu;
    }
    return sum;
}

/* The memory a request names: from `at` on, `left` bytes. False: it has been refused. */
static bool begin(const struct pose_st_message *request, bool to_write)
{
    struct st_app *st = &pose_st_app;
    st->left = st_field(request, ST_OPT);
    st->at = find(st_field(request, ST_PARAM), st->left, to_write);
    st->held = st->at;
    st->held_bytes = st->left;
    if (st->left == 0u) {
        pose_st_fail(0, ST_E_INVALID_SIZE);
        return false;
    }
    if (st->at == NULL) {
        pose_st_fail(0, ST_E_INVALID_PARAM);
        return false;
    }
    return true;
}

static uint32_t chunk(void)
{
    return pose_st_app.left < CHUNK_BYTES ? pose_st_app.left : CHUNK_BYTES;
}

void pose_st_memory_checksum(const struct pose_st_message *request)
{
    if (begin(request, false)) {
        (void)pose_st_ack(ST_DONE, checksum(pose_st_app.at, pose_st_app.left), ST_E_NONE);
    }
}

static void send_chunk(void)
{
    struct st_app *st = &pose_st_app;
    uint8_t bytes[32];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    const uint8_t *data = st->at;
    const uint32_t size = chunk();
    pose_st_put_data(&w, data, size);
    st->at += size;
    st->left -= size;
    pose_st_expect(st->left == 0u ? ST_PHASE_IDLE : ST_PHASE_READ_ACK, NULL, 0);
    if (pose_st_answer(st->left == 0u ? ST_DONE : ST_PROCESSING, ST_DATA, &w, data, size) != POSE_OK) {
        pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    }
}

void pose_st_memory_read(const struct pose_st_message *request)
{
    if (begin(request, false) && pose_st_ack(ST_PROCESSING, chunk(), ST_E_NONE) == POSE_OK) {
        send_chunk();
    }
}

void pose_st_memory_acknowledged(const struct pose_st_message *ack)
{
    if (st_field(ack, ST_ACK_ERROR) == ST_E_NONE) {
        send_chunk();
    } else {
        pose_st_expect(ST_PHASE_IDLE, NULL, 0); /* the host does not want the rest */
    }
}

static void expect_chunk(void)
{
    pose_st_expect(ST_PHASE_WRITE, pose_st_app.at, chunk());
}

void pose_st_memory_write(const struct pose_st_message *request)
{
    if (begin(request, true)) {
        pose_app_state.held[0] = pose_app_state.held[1] = 0; /* a slot may be what is written */
        pose_app_forget_outputs();
        expect_chunk();
        if (pose_st_ack(ST_WAITING, chunk(), ST_E_NONE) != POSE_OK) {
            pose_st_expect(ST_PHASE_IDLE, NULL, 0);
        }
    }
}

void pose_st_memory_data(const struct pose_st_message *data)
{
    struct st_app *st = &pose_st_app;
    const uint32_t size = st_field(data, ST_DATA_BYTES);
    if (size == 0u || size > chunk() || size != st_field(data, ST_DATA_SIZE)) {
        pose_st_fail(size, ST_E_INVALID_SIZE);
        return;
    }
    const uint32_t sum = checksum(st->at, size);
    st->at += size;
    st->left -= size;
    if (st->left == 0u) {
        pose_st_expect(ST_PHASE_IDLE, NULL, 0);
    } else {
        expect_chunk();
    }
    (void)pose_st_ack(st->left == 0u ? ST_DONE : ST_WAITING, sum, ST_E_NONE);
}
