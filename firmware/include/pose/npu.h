/* What a board with ST's NPU gives the backend `aton`. */
#ifndef POSE_NPU_H
#define POSE_NPU_H

/* Clock, reset and access rights of the NPU, before ST's runtime touches it. Boards without one leave it out. */
void pose_board_npu_start(void);

#endif
