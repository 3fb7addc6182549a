/* From the network's output tensors to keypoints, per family (enum pose_family). The host has the same in pytest_stm32pose/families. */
#ifndef POSE_POSTPROC_H
#define POSE_POSTPROC_H

#include <stdbool.h>
#include <stdint.h>

#include "pose/image.h"
#include "pose/net.h"

/* Persons a network may find in a picture: ST's limit for YOLO. A board without the RAM for that many defines its own (board.cmake). */
#ifndef POSE_MAX_PERSONS
#define POSE_MAX_PERSONS 100u
#endif

/* ST's thresholds. */
#define POSE_USUAL_PERSONS 100u
#define POSE_USUAL_SCORE 0.001f
#define POSE_USUAL_NMS_IOU 0.1f

/* Whether persons of this family (enum pose_family) have a score of their own. */
static inline bool pose_family_scores_persons(uint8_t family)
{
    return family == POSE_FAMILY_YOLO || family == POSE_FAMILY_YOLO_END_TO_END || family == POSE_FAMILY_MULTIPOSE;
}

/* Where persons go, one after the other, so that nobody needs memory for all of them: each begins, the highest score first where the family has
 * scores (else 0), then come its keypoints. Both calls return a pose_status; a negative one ends the decoding. */
struct pose_found {
    int (*person)(struct pose_found *found, float score);
    int (*keypoint)(struct pose_found *found, const float row[3]); /* x, y, score; x and y in 0..1 of the network's input */
    uint32_t room;    /* persons that may be reported */
    uint32_t persons; /* that have been */
};

/* Decodes the outputs of the last run (pose_net_output) of the network `info`, and reports to `found` its persons, found->room and the
 * decoding's own limit at most. PARAM: unknown family, or outputs that do not fit it; MEMORY: no room, or more anchors than the decoder's
 * buffer; both before anything is reported. Family NONE gives no persons. */
int pose_postproc(const struct pose_net_info *info, struct pose_found *found);

#endif
