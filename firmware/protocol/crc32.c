/* CRC-32, four bytes a step ("slicing by 4", Kounavis and Berry 2005). A table entry is the XOR of the entries of its set bits, because
 * the CRC is linear, so the preprocessor can write the tables from eight constants each. */
#include "pose/crc32.h"

#include <string.h>

#define E(s, i)                                                                                                                         \
    (((i) & 1u ? s##_0 : 0u) ^ ((i) & 2u ? s##_1 : 0u) ^ ((i) & 4u ? s##_2 : 0u) ^ ((i) & 8u ? s##_3 : 0u) ^ ((i) & 16u ? s##_4 : 0u) ^ \
     ((i) & 32u ? s##_5 : 0u) ^ ((i) & 64u ? s##_6 : 0u) ^ ((i) & 128u ? s##_7 : 0u))
#define E4(s, i) E(s, i), E(s, (i) + 1u), E(s, (i) + 2u), E(s, (i) + 3u)
#define E16(s, i) E4(s, i), E4(s, (i) + 4u), E4(s, (i) + 8u), E4(s, (i) + 12u)
#define E64(s, i) E16(s, i), E16(s, (i) + 16u), E16(s, (i) + 32u), E16(s, (i) + 48u)
#define E256(s) E64(s, 0u), E64(s, 64u), E64(s, 128u), E64(s, 192u)

/* Sn_b: the register after bit b of a byte and n zero bytes more. */
#define S0_0 0x77073096u
#define S0_1 0xEE0E612Cu
#define S0_2 0x076DC419u
#define S0_3 0x0EDB8832u
#define S0_4 0x1DB71064u
#define S0_5 0x3B6E20C8u
#define S0_6 0x76DC4190u
#define S0_7 0xEDB88320u
#define S1_0 0x191B3141u
#define S1_1 0x32366282u
#define S1_2 0x646CC504u
#define S1_3 0xC8D98A08u
#define S1_4 0x4AC21251u
#define S1_5 0x958424A2u
#define S1_6 0xF0794F05u
#define S1_7 0x3B83984Bu
#define S2_0 0x01C26A37u
#define S2_1 0x0384D46Eu
#define S2_2 0x0709A8DCu
#define S2_3 0x0E1351B8u
#define S2_4 0x1C26A370u
#define S2_5 0x384D46E0u
#define S2_6 0x709A8DC0u
#define S2_7 0xE1351B80u
#define S3_0 0xB8BC6765u
#define S3_1 0xAA09C88Bu
#define S3_2 0x8F629757u
#define S3_3 0xC5B428EFu
#define S3_4 0x5019579Fu
#define S3_5 0xA032AF3Eu
#define S3_6 0x9B14583Du
#define S3_7 0xED59B63Bu

static const uint32_t table[4][256] = {{E256(S0)}, {E256(S1)}, {E256(S2)}, {E256(S3)}};

uint32_t pose_crc32(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    crc = ~crc;
    while (size >= 4u) {
        uint32_t word;
        memcpy(&word, bytes, 4); /* little endian on every supported core */
        crc ^= word;
        crc = table[3][crc & 0xFFu] ^ table[2][(crc >> 8) & 0xFFu] ^ table[1][(crc >> 16) & 0xFFu] ^ table[0][crc >> 24];
        bytes += 4;
        size -= 4u;
    }
    while (size > 0u) {
        crc = (crc >> 8) ^ table[0][(crc ^ *bytes++) & 0xFFu];
        size--;
    }
    return ~crc;
}
