/* SELF_TEST: what the device can find out about itself without the host. */
#include <stdbool.h>
#include <stddef.h>

#if POSE_NET_IMAGES
#include "app/kernel_test_data.h"
#endif
#include "app/state.h"
#include "pose/crc32.h"
#include "pose/image.h"
#include "pose/net.h"
#include "pose/status.h"

#define CRC32_CHECK 0xCBF43926u /* of "123456789" */
#define TIMER_POLLS 1000000u

static bool test_crc32(void)
{
    return pose_crc32(0, "123456789", 9) == CRC32_CHECK;
}

/* The counter advances, and never goes back. */
static bool test_timer(void)
{
    const uint64_t first = pose_board_ticks();
    uint64_t last = first;
    for (uint32_t i = 0; i < TIMER_POLLS; i++) {
        const uint64_t now = pose_board_ticks();
        if (now < last) {
            return false;
        }
        last = now;
        if (last - first > 1000u) {
            return true;
        }
    }
    return false;
}

/* Every bit of the arena that the network does not use holds 0 and 1. What was there is put back: the paint that measures the arena's use. */
static bool test_memory(void)
{
    const struct pose_board_info *board = pose_board_info();
    struct pose_net_info info;
    uint32_t used = 0;
    if (pose_app_state.network_status == POSE_OK && pose_net_info(&info) == POSE_OK) {
        used = (info.arena_bytes + 3u) / 4u;
    }
    volatile uint32_t *words = board->arena;
    const uint32_t count = board->arena_bytes / 4u;
    bool good = true;
    for (uint32_t i = used; i < count; i++) {
        const uint32_t kept = words[i];
        const uint32_t pattern = 0xA5A5A5A5u ^ (i * 2654435761u);
        words[i] = pattern;
        good = words[i] == pattern && good;
        words[i] = ~pattern;
        good = words[i] == ~pattern && good;
        words[i] = kept;
    }
    return good;
}

#if POSE_NET_IMAGES
/* The network image still has the checksum it was opened with: in flash, and where it has been copied to. */
static bool has_crc32(const uint8_t *image, const struct pose_net_info *info)
{
    static const uint8_t zeros[4] = {0};
    const size_t field = offsetof(struct pose_image_header, crc32);
    uint32_t crc = pose_crc32(0, image, field);
    crc = pose_crc32(crc, zeros, sizeof zeros);
    crc = pose_crc32(crc, image + field + 4u, info->image_bytes - field - 4u);
    return crc == info->image_crc32;
}

static bool test_network(void)
{
    struct pose_net_info info;
    if (pose_app_state.network_status != POSE_OK || pose_net_info(&info) != POSE_OK) {
        return false;
    }
    const uint8_t *flashed = pose_board_info()->network;
    const uint8_t *runs = pose_app_state.places.image;
    return has_crc32(flashed, &info) && (runs == flashed || has_crc32(runs, &info));
}

static int add_outputs(void *user, const struct pose_net_event *event)
{
    uint32_t *crc = user;
    for (uint32_t i = 0; i < event->output_count; i++) {
        *crc = pose_crc32(*crc, event->outputs[i].data, event->outputs[i].tensor->bytes);
    }
    return POSE_OK;
}

/* A small network of fixed data gives, operator by operator, the bits that the reference gave on the host. It takes the arena; the flashed
 * network is opened again afterwards. */
static bool test_kernels(void)
{
    const struct pose_board_info *board = pose_board_info();
    uint32_t crc = 0;
    uint64_t ticks = 0;
    int status = pose_net_open(kernel_test_image, KERNEL_TEST_IMAGE_BYTES, board->arena, board->arena_bytes);
    if (status == POSE_OK) {
        status = pose_net_run(kernel_test_input, add_outputs, &crc, &ticks);
    }
    pose_app_open_network();
    return status == POSE_OK && crc == KERNEL_TEST_CRC32;
}
#endif

void pose_app_self_test(struct pose_link *link, const struct pose_message *request)
{
    static const struct {
        const char *name;
        bool (*run)(void);
    } tests[] = {
        {"crc32", test_crc32},     {"timer", test_timer},     {"memory", test_memory},
#if POSE_NET_IMAGES
        {"network", test_network}, {"kernels", test_kernels},
#endif
    };
    const uint8_t count = (uint8_t)(sizeof tests / sizeof tests[0]);
    uint8_t bytes[128];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    pose_app_st_make_way(); /* the kernels' test runs a network in the arena */
    pose_app_forget_outputs();
    pose_put_u8(&w, count);
    for (uint8_t i = 0; i < count; i++) {
        pose_put_u8(&w, tests[i].run() ? 1u : 0u);
        pose_put_string(&w, tests[i].name);
    }
    (void)pose_answer(link, request, POSE_OK, 0, &w, NULL, 0);
}
