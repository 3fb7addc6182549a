/* The application: answers requests on every link (PROTOCOL.md). One device, so its state is static. */
#ifndef POSE_APP_H
#define POSE_APP_H

#include <stdbool.h>

/* First 16 hex digits of a SHA-256 over the sources and the compiler (toolchain/build_id.cmake). */
extern const char pose_build_id[];

/* After pose_board_init(): opens the flashed network and the links. */
void pose_app_init(void);
/* Handles what has arrived. Returns false when there was nothing to do. */
bool pose_app_poll(void);
/* Sleeps until something arrives; may return at once. */
void pose_app_idle(void);

#endif
