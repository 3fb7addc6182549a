/* What a memory runs at, in words, see external.h. */
#include "boards/stm32h7/h747i_disco/external.h"

#define HZ_PER_MHZ 1000000u
#define DIGITS 3u

void h747_say(char said[H747_MODE_BYTES], const char *words, uint32_t hz)
{
    uint32_t length = 0;
    while (words[length] != '\0' && length < H747_MODE_BYTES - sizeof " 000 MHz") {
        said[length] = words[length];
        length++;
    }
    said[length++] = ' ';
    uint32_t mhz = hz / HZ_PER_MHZ;
    uint32_t divisor = 100;
    bool shown = false;
    for (uint32_t i = 0; i < DIGITS; i++, divisor /= 10u) {
        const uint32_t digit = mhz / divisor % 10u;
        shown = shown || digit != 0u || i == DIGITS - 1u;
        if (shown) {
            said[length++] = (char)('0' + digit);
        }
    }
    for (const char *unit = " MHz"; *unit != '\0'; unit++) {
        said[length++] = *unit;
    }
    said[length] = '\0';
}
