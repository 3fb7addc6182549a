/* The host as a board: the serial port on a file descriptor, the memories as static arrays. One device per process. */
#include "boards/host/host.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "pose/board.h"

#define NETWORK_BYTES (16u << 20)
#define ARENA_BYTES (4u << 20)
#define EXTRA_BYTES (8u << 20)
#define SLOTS_BYTES (512u << 10)
#define MAILBOX_BYTES (0x40u + (2u << 20))
#define NS_PER_S 1000000000ull
#define IDLE_MS 1

static _Alignas(64) uint8_t network[NETWORK_BYTES];
static _Alignas(64) uint8_t arena[ARENA_BYTES];
static _Alignas(64) uint8_t extra[EXTRA_BYTES];
static _Alignas(64) uint8_t slots[SLOTS_BYTES];
static _Alignas(64) uint8_t mailbox[MAILBOX_BYTES];

static int serial_fd = -1;
static bool serial_gone;
static atomic_int plugged = -1; /* a socket that pose_host_plug() has given */
static bool reset_requested;
static uint64_t stall_ns = NS_PER_S;

static const struct pose_board_memory memories[] = {
    {.name = "flash", .mode = "", .start = network, .bytes = NETWORK_BYTES},
    {.name = "ram", .mode = "", .start = arena, .bytes = ARENA_BYTES, .flags = POSE_MEMORY_RAM},
    {.name = "extra", .mode = "of the host", .start = extra, .bytes = EXTRA_BYTES, .flags = POSE_MEMORY_RAM | POSE_MEMORY_EXTERNAL},
    {.name = "gone", .mode = "does not answer", .flags = POSE_MEMORY_RAM | POSE_MEMORY_EXTERNAL},
};

const struct pose_board_info *pose_board_info(void)
{
    static struct pose_board_info info = {
        .name = "host",
        .mcu = "host",
        .clock_hz = NS_PER_S,
        .tick_hz = NS_PER_S,
        .time_source = POSE_TIME_HOST,
        .network = network,
        .network_max_bytes = NETWORK_BYTES,
        .arena = arena,
        .arena_bytes = ARENA_BYTES,
        .slot_block = slots,
        .slot_block_bytes = SLOTS_BYTES,
        .mailbox = (struct pose_mailbox *)mailbox,
        .mailbox_bytes = MAILBOX_BYTES,
        .memories = memories,
        .memory_count = sizeof memories / sizeof memories[0],
    };
    info.stall_ticks = stall_ns;
    return &info;
}

void pose_board_init(void)
{
}

uint64_t pose_board_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void pose_board_timing_begin(void)
{
}

void pose_board_timing_end(void)
{
}

size_t pose_board_serial_read(uint8_t *data, size_t max)
{
    static uint8_t buffer[4096];
    static size_t first, last;
    if (serial_gone || serial_fd < 0) {
        const int fd = atomic_exchange(&plugged, -1);
        serial_gone = serial_gone && fd < 0;
        serial_fd = fd < 0 ? serial_fd : fd;
    }
    if (first == last && !serial_gone && serial_fd >= 0) {
        const ssize_t got = recv(serial_fd, buffer, sizeof buffer, MSG_DONTWAIT);
        first = 0;
        last = got > 0 ? (size_t)got : 0u;
        serial_gone = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    }
    const size_t size = last - first < max ? last - first : max;
    memcpy(data, buffer + first, size);
    first += size;
    return size;
}

size_t pose_board_serial_write(const uint8_t *data, size_t size)
{
    if (serial_gone || serial_fd < 0) {
        return size; /* an unplugged line swallows what is sent */
    }
    const ssize_t sent = send(serial_fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        serial_gone = true;
        return size;
    }
    return sent > 0 ? (size_t)sent : 0u;
}

void pose_board_idle(void)
{
    struct pollfd wait = {.fd = serial_gone ? -1 : serial_fd, .events = POLLIN};
    (void)poll(&wait, 1, IDLE_MS); /* the mailbox has no doorbell here: it is looked at every millisecond */
}

void pose_board_barrier(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

void pose_board_forget(const void *data, uint32_t bytes)
{
    (void)data;
    (void)bytes;
}

uint32_t pose_board_cpuid(void)
{
    return 0;
}

uint32_t pose_board_core_features(void)
{
    return 0;
}

void pose_board_unique_id(uint8_t id[16])
{
    memset(id, 0, 16);
}

void pose_board_reset(void)
{
    reset_requested = true;
}

void pose_host_connect(int fd)
{
    serial_fd = fd;
    serial_gone = false;
}

bool pose_host_take_reset(void)
{
    const bool requested = reset_requested;
    reset_requested = false;
    return requested;
}

void pose_host_plug(int fd)
{
    atomic_store(&plugged, fd);
}

void pose_host_patience(uint64_t ns)
{
    stall_ns = ns;
}

uint8_t *pose_host_memory(enum pose_host_area area, uint32_t *bytes)
{
    switch (area) {
    case POSE_HOST_NETWORK:
        *bytes = sizeof network;
        return network;
    case POSE_HOST_MAILBOX:
        *bytes = sizeof mailbox;
        return mailbox;
    default:
        *bytes = 0;
        return NULL;
    }
}
