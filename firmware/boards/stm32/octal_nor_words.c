/* What the octal NOR has reached, in words. */
#include "boards/stm32/octal_nor.h"

#define MHZ 1000000u

static char *append(char *to, const char *text)
{
    while (*text != '\0') {
        *to++ = *text++;
    }
    return to;
}

void octal_nor_words(const struct octal_nor *nor, char words[OCTAL_NOR_WORDS_BYTES])
{
    const char *name = nor->mode == OCTAL_NOR_DTR ? "octal DTR " : nor->mode == OCTAL_NOR_STR ? "octal STR " : "SPI ";
    char *to = append(words, name);
    const uint32_t mhz = nor->hz / MHZ;
    for (uint32_t place = mhz >= 100u ? 100u : mhz >= 10u ? 10u : 1u; place != 0u; place /= 10u) {
        *to++ = (char)('0' + mhz / place % 10u);
    }
    *append(to, " MHz") = '\0';
}
