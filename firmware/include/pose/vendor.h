/* What an STM32 board gives ST's runtimes; other boards leave both out. */
#ifndef POSE_VENDOR_H
#define POSE_VENDOR_H

#include <stdint.h>

/* The clock of the CRC unit, which ST's classic runtime library looks for (UM2526): without it, it does not initialise a network. */
void pose_board_crc_start(void);
/* Clock, reset and access rights of the NPU, and its cache, before ST's runtime touches it. */
void pose_board_npu_start(void);
/* The NPU's own cache, which ST's runtime maintains by these names, those of its own npu_cache.c. `end` is behind the last byte. */
void npu_cache_invalidate(void);
void npu_cache_clean_range(uint32_t start, uint32_t end);
void npu_cache_clean_invalidate_range(uint32_t start, uint32_t end);

#endif
