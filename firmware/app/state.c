/* The application's state, and the network it has open. */
#include "app/state.h"

#include "pose/net.h"

struct pose_app pose_app_state;

void pose_app_open_network(void)
{
    const struct pose_board_info *board = pose_board_info();
    const uint64_t start = pose_board_ticks();
    pose_app_state.network_status = pose_net_open(board->network, board->network_max_bytes, board->arena, board->arena_bytes);
    pose_app_state.open_ticks = pose_board_ticks() - start;
}
