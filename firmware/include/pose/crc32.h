/* CRC-32/ISO-HDLC (reflected 0xEDB88320, initial and final 0xFFFFFFFF; check value of "123456789": 0xCBF43926).
 * Same numbers as zlib's crc32(): pose_crc32(0, a, n) continues with pose_crc32(previous, b, m). */
#ifndef POSE_CRC32_H
#define POSE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t pose_crc32(uint32_t crc, const void *data, size_t size);

#endif
