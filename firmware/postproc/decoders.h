/* The decoders of the network families, one file each; postproc.c picks one. Their host twins are in pytest_stm32pose/families. */
#ifndef POSE_DECODERS_H
#define POSE_DECODERS_H

#include <stddef.h>
#include <stdint.h>

#include "pose/net.h"
#include "pose/postproc.h"

/* Each takes the outputs of the network in their order, and what pose_decoding_ok() has accepted; `outputs` has at least one. Everything is checked before the
 * first person is reported. Returns what a report has returned, when that is negative.
 * POSE_ERR_PARAM: they are not what the family has. POSE_ERR_MEMORY: more candidates than 16384. */
typedef int pose_decoder(const struct pose_decoding *how, const struct pose_net_tensor *outputs, uint32_t count, struct pose_found *found);

pose_decoder pose_decode_heatmap;
pose_decoder pose_decode_heatmap_offsets;
pose_decoder pose_decode_single_pose; /* both orders */
pose_decoder pose_decode_simcc;
pose_decoder pose_decode_landmarks;
pose_decoder pose_decode_persons; /* the families of several persons */

static inline int pose_report_person(struct pose_found *found, float score)
{
    found->persons++;
    return found->person(found, score);
}

/* The output that takes part `part` of the family; NULL: the network has no such output. */
static inline const struct pose_net_tensor *pose_decoded_output(const struct pose_decoding *how, const struct pose_net_tensor *outputs,
                                                                uint32_t count, uint32_t part)
{
    const uint32_t number = how->outputs[part];
    return number < count && outputs[number].tensor != NULL ? &outputs[number] : NULL;
}

/* Picks one of them. POSE_ERR_PARAM also for a family that there is none of. */
pose_decoder pose_decode;

#endif
