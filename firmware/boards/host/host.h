/* What the host library exports for tests, besides the firmware's own functions. */
#ifndef POSE_HOST_H
#define POSE_HOST_H

#include <stdbool.h>
#include <stdint.h>

enum pose_host_area { POSE_HOST_NETWORK = 0, POSE_HOST_MAILBOX = 1 };

/* Starts the device (a RESET request restarts it) with its serial port on the socket `fd`, and returns 0 after pose_host_stop().
 * fd -1: mailbox only. When the socket's peer goes away the device stays up, as a board whose cable is unplugged does. */
int pose_host_serve(int fd);
/* From another thread: plugs the serial port into a socket, once the one before has gone. */
void pose_host_plug(int fd);
void pose_host_stop(void);
/* Before pose_host_serve(): the board's stall time, in ns of the host's clock. */
void pose_host_patience(uint64_t stall_ns);
/* A memory of the device: where the network image is flashed, or the mailbox. */
uint8_t *pose_host_memory(enum pose_host_area area, uint32_t *bytes);

/* What board.c gives main.c: the serial port is on the socket `fd` from now on; whether a reset was asked for since the last call. */
void pose_host_connect(int fd);
bool pose_host_take_reset(void);

#endif
