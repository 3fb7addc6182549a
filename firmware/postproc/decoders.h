/* The decoders of the network families, one file each; postproc.c picks one. */
#ifndef POSE_DECODERS_H
#define POSE_DECODERS_H

#include <stdint.h>

#include "pose/net.h"

/* Writes rows[keypoints][3] = x, y, score of the one person. POSE_ERR_PARAM: the outputs are not one int8 or float32 tensor
 * [1, H, W, keypoints]. */
int pose_decode_heatmap(uint8_t keypoints, const struct pose_net_tensor *outputs, uint32_t count, float *rows);

/* The same; POSE_ERR_PARAM: the outputs are not one int8 (quantised) or float32 tensor [1, 1, keypoints, 3]. */
int pose_decode_single_pose(uint8_t keypoints, const struct pose_net_tensor *outputs, uint32_t count, float *rows);

/* Writes rows[persons][keypoints][3] = x, y, score and scores[persons] of at most max_persons persons, the best first.
 * POSE_ERR_PARAM: the outputs are not one int8 (quantised) or float32 tensor [1, 5 + 3 keypoints, N]. POSE_ERR_MEMORY: N is over 16384. */
int pose_decode_yolo(uint8_t keypoints, const struct pose_net_tensor *outputs, uint32_t count, float *rows, float *scores,
                     uint32_t max_persons, uint32_t *persons);

#endif
