/* From the network's output tensors to keypoints, per family (enum pose_family). The host has the same in pytest_stm32pose/families. */
#ifndef POSE_POSTPROC_H
#define POSE_POSTPROC_H

#include <stdint.h>

#include "pose/net.h"

/* Decodes the outputs of the last run (pose_net_output) of the network `info` into rows[persons][info->keypoints][3] = x, y, score; x and y
 * in 0..1 of the network's input. Room for max_persons * max_keypoints rows. PARAM: unknown family, or outputs that do not fit it;
 * MEMORY: more keypoints than max_keypoints. Family NONE gives no persons. */
int pose_postproc(const struct pose_net_info *info, float *rows, uint32_t max_persons, uint32_t max_keypoints, uint32_t *persons);

#endif
