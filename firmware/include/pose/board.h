/* What a board gives the firmware: the whole port, one file per board (firmware/boards/<family>/<board>/board.c). */
#ifndef POSE_BOARD_H
#define POSE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pose_time_source { POSE_TIME_DWT = 1, POSE_TIME_TIMER = 2, POSE_TIME_HOST = 3 };

enum pose_memory_flag {
    POSE_MEMORY_RAM = 1,      /* PLACE may put image or arena there */
    POSE_MEMORY_EXTERNAL = 2, /* a chip of its own, behind pins */
    POSE_MEMORY_WEIGHTS = 4,  /* of the application: the image that runs is there ... */
    POSE_MEMORY_ARENA = 8     /* ... the arena is */
};
#define POSE_MEMORIES_MAX 4u

/* A memory that a network's image or arena may lie in (PROTOCOL.md, MEMORIES). */
struct pose_board_memory {
    const char *name; /* "nor", "psram", "flash", "axisram": at most 15 bytes */
    const char
        *mode; /* how it is driven, in words, at most 47 bytes: "octal DTR 50 MHz"; "": inside the microcontroller, nothing to tell */
    void *start;      /* 32-byte aligned */
    uint32_t bytes;   /* what networks may have of it; 0: it is not there, or did not start, which `mode` says */
    uint8_t flags;    /* POSE_MEMORY_RAM, POSE_MEMORY_EXTERNAL */
};

struct pose_board_info {
    const char *name; /* the catalog's name, at most 31 bytes */
    const char *mcu;  /* at most 31 bytes */
    uint32_t clock_hz;
    uint32_t tick_hz;
    uint8_t time_source; /* enum pose_time_source */
    const void *network; /* where the network image is flashed */
    uint32_t network_max_bytes;
    void *arena; /* 16-byte aligned */
    uint32_t arena_bytes;
    uint8_t *slot_block; /* the input slots, one or two, are carved from it (app/state.c); 32-byte aligned */
    uint32_t slot_block_bytes;
    struct pose_mailbox *mailbox; /* NULL: no SWD mailbox */
    uint32_t mailbox_bytes;       /* header and both data areas */
    uint32_t *stack_bottom, *stack_top; /* painted with POSE_STACK_PAINT at start-up; NULL: not known */
    uint32_t flash_bytes;               /* code, constants and initial values */
    uint32_t ram_bytes;                 /* static data, without arena, slots, mailbox and stack */
    uint64_t stall_ticks;               /* how long an answer waits for a host that does not take it */
    uint32_t device_id;                 /* DEV_ID of DBGMCU_IDCODE; 0: none, as on emulated boards */
    uint32_t bus_hz;                    /* AHB; 0: as clock_hz */
    uint32_t npu_hz, nic_hz;            /* neural accelerator and its interconnect; 0: none */
    const struct pose_board_memory *memories; /* those that networks lie in, at most POSE_MEMORIES_MAX */
    uint32_t memory_count;
};

#define POSE_STACK_PAINT 0xC5C5C5C5u

const struct pose_board_info *pose_board_info(void);
void pose_board_init(void);
uint64_t pose_board_ticks(void); /* monotonic, never wraps in practice; stands still while pose_board_idle() sleeps */
/* Around what is measured: between begin and end no interrupt but the tick counter's own is taken, or its ticks are not counted, and the counter
 * starts at the same phase at every begin, so that the same code gives the same count every time. No byte that arrives meanwhile is lost. */
void pose_board_timing_begin(void);
void pose_board_timing_end(void);
/* Serial: never block. read returns the bytes taken (0: none). write returns the bytes accepted. */
size_t pose_board_serial_read(uint8_t *data, size_t max);
size_t pose_board_serial_write(const uint8_t *data, size_t size);
/* Sleeps until an interrupt (byte received, mailbox doorbell) that came after the last call. May return at once. */
void pose_board_idle(void);
void pose_board_barrier(void); /* data memory barrier; cleans and invalidates the mailbox where it is cached */
/* No data cache holds any of these bytes when it returns, and none that was written is lost: the next read is of the memory itself. */
void pose_board_forget(const void *data, uint32_t bytes);
uint32_t pose_board_cpuid(void); /* SCB CPUID; 0 on the host */
enum pose_core_feature { POSE_CORE_FPU = 1, POSE_CORE_ICACHE = 2, POSE_CORE_DCACHE = 4 };
uint32_t pose_board_core_features(void); /* what the core has and has switched on, enum pose_core_feature ORed; 0 on the host */
void pose_board_unique_id(uint8_t id[16]);
void pose_board_reset(void); /* does not return on hardware */
void pose_board_leave(void); /* comes before a reset, for what outlives one; most boards have nothing of that kind */

#endif
