/* The memories of an STM32N6 board that networks lie in (pose/board.h): NOR, AXISRAM, and the PSRAM of a board that has one. */
#include "boards/stm32n6/map.h"
#include "boards/stm32n6/n6.h"

#define PSRAM_MODE "16-line DTR "
#define PSRAM_MODE_BYTES (sizeof PSRAM_MODE - 1u)
#define NO_ANSWER "does not answer"

static char psram_mode[PSRAM_MODE_BYTES + sizeof "200 MHz"] = PSRAM_MODE;

static struct pose_board_memory memories[] = {
    {.name = "nor", .mode = NO_ANSWER, .start = (void *)N6_NETWORK, .flags = POSE_MEMORY_EXTERNAL},
    {.name = "axisram", .mode = "", .start = (void *)N6_ARENA, .bytes = N6_ARENA_BYTES, .flags = POSE_MEMORY_RAM},
    {.name = "psram", .mode = NO_ANSWER, .start = (void *)N6_PSRAM_WINDOW, .flags = POSE_MEMORY_RAM | POSE_MEMORY_EXTERNAL},
};

static void say_clock(char *text, uint32_t mhz)
{
    for (uint32_t unit = mhz < 10u ? 1u : mhz < 100u ? 10u : 100u; unit != 0u; unit /= 10u) {
        *text++ = (char)('0' + mhz / unit % 10u);
    }
    for (const char *rest = " MHz"; *rest != 0; rest++) {
        *text++ = *rest;
    }
    *text = 0;
}

bool n6_memories_start(uint32_t hclk_hz)
{
    if (n6_info.network_max_bytes != 0u) {
        memories[0].mode = n6_nor_mode();
        memories[0].bytes = n6_info.network_max_bytes;
    }
    n6_info.memories = memories;
    n6_info.memory_count = n6_board.has_psram ? 3u : 2u;
    const uint32_t hz = n6_board.has_psram ? n6_psram_start(hclk_hz) : 0u;
    if (hz != 0u) {
        say_clock(psram_mode + PSRAM_MODE_BYTES, hz / 1000000u);
        memories[2].mode = psram_mode;
        memories[2].bytes = N6_PSRAM_BYTES;
    }
    return hz != 0u;
}
