/* The firmware as a shared library of the host. Tests load it with ctypes; pose_host_serve() is its main loop and runs in a thread of theirs. */
#include <stdatomic.h>

#include "boards/host/host.h"
#include "pose/app.h"
#include "pose/board.h"

static atomic_bool stop_requested;

int pose_host_serve(int fd)
{
    pose_host_connect(fd);
    do {
        (void)pose_host_take_reset();
        pose_board_init();
        pose_app_init();
        bool is_reset = false;
        while (!is_reset && !atomic_load(&stop_requested)) {
            if (!pose_app_poll()) {
                pose_app_idle();
            }
            is_reset = pose_host_take_reset();
        }
    } while (!atomic_load(&stop_requested));
    pose_host_connect(-1);
    pose_host_plug(-1);
    atomic_store(&stop_requested, false); /* here, not at the start: a stop may come before the thread has got that far */
    return 0;
}

void pose_host_stop(void)
{
    atomic_store(&stop_requested, true);
}
