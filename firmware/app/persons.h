/* The end of INFER's answer: the persons that the network's outputs mean, and RESULT (PROTOCOL.md, 0x05). */
#ifndef POSE_APP_PERSONS_H
#define POSE_APP_PERSONS_H

#include <stdbool.h>
#include <stdint.h>

#include "pose/message.h"
#include "pose/net.h"

struct pose_app_result {
    struct pose_link *link;
    const struct pose_message *request;
    const struct pose_net_info *info;
    bool keypoints; /* they are asked for */
    uint64_t ticks;
    uint32_t input_crc32;
};

/* Decodes and sends. *link_status: of sending; negative: nobody takes the answer. Returns it, or why the outputs cannot be decoded, and then RESULT
 * has not begun. */
int pose_app_send_result(const struct pose_app_result *result, int *link_status);

#endif
