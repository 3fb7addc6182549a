/* What sections.ld says to C. */
#ifndef POSE_SECTIONS_H
#define POSE_SECTIONS_H

#include <stdint.h>

extern uint32_t __stack_bottom[], __stack_top[], __data_start[], __data_end[], __data_load[], __bss_start[], __bss_end[];
extern uint8_t __flash_bytes[], __ram_bytes[]; /* their addresses are the numbers */

/* The fields of struct pose_board_info that are the linker's. */
#define POSE_INFO_SECTIONS                                                                                       \
    .stack_bottom = __stack_bottom, .stack_top = __stack_top, .flash_bytes = (uint32_t)(uintptr_t)__flash_bytes, \
    .ram_bytes = (uint32_t)(uintptr_t)__ram_bytes

#endif
