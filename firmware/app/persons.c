/* Persons on their way from the decoder to the host, see app/persons.h. One person at a time, or as many as a PERSONS message holds: their number
 * is the network's, and there is no memory for all of them. */
#include "app/persons.h"

#include <stddef.h>
#include <string.h>

#include "pose/postproc.h"
#include "pose/serial_link.h"
#include "pose/status.h"

#define MAX_ROWS (POSE_MAX_PERSONS * 17u) /* fewer persons when they have more keypoints than COCO's 17 */
#define PERSONS_HEADER 4u
#define PERSONS_BLOCK (POSE_SERIAL_MAX_MESSAGE < 4096u ? POSE_SERIAL_MAX_MESSAGE : 4096u)
#define RESULT_HEADER 16u
#define ROW_FLOATS 3u

_Static_assert(MAX_ROWS >= 255u && MAX_ROWS < 1u << 15u, "a person of most networks fits, and the host looks first (boards/fit.py)");

enum part { PART_RESULT = 4, PART_PERSONS = 5 };

struct sender {
    struct pose_found found; /* first: what the decoder is given */
    const struct pose_app_result *result;
    int *link_status;
    struct pose_outgoing answer; /* RESULT, with the keypoints of a person without a score */
    uint32_t fit; /* persons that one PERSONS message holds */
    uint32_t floats, waiting; /* in block; persons of them */
    float block[PERSONS_BLOCK / sizeof(float)];
};

static struct sender *sender_of(struct pose_found *found)
{
    return (struct sender *)found;
}

static bool is_scored(const struct sender *sender)
{
    return sender->result->keypoints && pose_family_scores_persons(sender->result->info->decoding->family);
}

static int flush(struct sender *sender)
{
    const struct pose_app_result *result = sender->result;
    uint8_t bytes[PERSONS_HEADER];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    if (sender->waiting == 0u) {
        return POSE_OK;
    }
    pose_put_u8(&w, PART_PERSONS);
    pose_put_u8(&w, (uint8_t)sender->waiting);
    pose_put_u16(&w, (uint16_t)result->info->decoding->keypoints);
    *sender->link_status = pose_answer(result->link, result->request, POSE_OK, POSE_FLAG_MORE, &w, sender->block,
                                       sender->floats * (uint32_t)sizeof(float));
    sender->floats = sender->waiting = 0;
    return *sender->link_status;
}

static int scored_person(struct pose_found *found, float score)
{
    struct sender *sender = sender_of(found);
    const int status = sender->waiting == sender->fit ? flush(sender) : POSE_OK;
    sender->waiting++;
    sender->block[sender->floats++] = score;
    return status;
}

static int scored_keypoint(struct pose_found *found, const float row[ROW_FLOATS])
{
    struct sender *sender = sender_of(found);
    memcpy(sender->block + sender->floats, row, ROW_FLOATS * sizeof(float));
    sender->floats += ROW_FLOATS;
    return POSE_OK;
}

static int begin_result(struct sender *sender, uint32_t persons)
{
    const struct pose_app_result *result = sender->result;
    const uint32_t keypoints = result->info->decoding->keypoints;
    const bool scored = is_scored(sender);
    const uint32_t rows = scored ? 0u : persons * keypoints;
    uint8_t bytes[RESULT_HEADER];
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    pose_put_u8(&w, PART_RESULT);
    pose_put_u8(&w, (uint8_t)persons);
    pose_put_u8(&w, (uint8_t)keypoints);
    pose_put_u8(&w, (uint8_t)((scored ? 1u : 0u) | (keypoints >> 8u) << 1u));
    pose_put_u64(&w, result->ticks);
    pose_put_u32(&w, result->input_crc32);
    const uint32_t payload_bytes = RESULT_HEADER + rows * ROW_FLOATS * (uint32_t)sizeof(float);
    if (payload_bytes > result->link->max_message - POSE_MESSAGE_OVERHEAD) {
        return POSE_ERR_LENGTH; /* not of the link, which can still tell it */
    }
    *sender->link_status = pose_answer_begin(&sender->answer, result->link, result->request, POSE_OK, 0, payload_bytes);
    if (*sender->link_status == POSE_OK) {
        *sender->link_status = pose_answer_put(&sender->answer, bytes, sizeof bytes);
    }
    return *sender->link_status;
}

/* A person without a score is the only one (decoders.h): RESULT carries it. */
static int only_person(struct pose_found *found, float score)
{
    (void)score;
    return begin_result(sender_of(found), 1);
}

static int only_keypoint(struct pose_found *found, const float row[ROW_FLOATS])
{
    struct sender *sender = sender_of(found);
    *sender->link_status = pose_answer_put(&sender->answer, row, ROW_FLOATS * sizeof(float));
    return *sender->link_status;
}

static int decode(struct sender *sender)
{
    const struct pose_app_result *result = sender->result;
    const uint32_t keypoints = result->info->decoding->keypoints;
    const uint32_t rows = MAX_ROWS / (keypoints == 0u ? 1u : keypoints);
    const uint32_t each = (1u + ROW_FLOATS * keypoints) * (uint32_t)sizeof(float);
    const uint32_t room = result->link->max_message - POSE_MESSAGE_OVERHEAD - PERSONS_HEADER;
    const bool scored = is_scored(sender);
    sender->fit = (room < PERSONS_BLOCK ? room : PERSONS_BLOCK) / each;
    sender->found = (struct pose_found){
        .person = scored ? scored_person : only_person,
        .keypoint = scored ? scored_keypoint : only_keypoint,
        .room = rows < POSE_MAX_PERSONS ? rows : POSE_MAX_PERSONS,
    };
    if (scored && sender->fit == 0u) {
        return POSE_ERR_LENGTH;
    }
    const int status = pose_postproc(result->info, &sender->found);
    return status == POSE_OK ? flush(sender) : status;
}

int pose_app_send_result(const struct pose_app_result *result, int *link_status)
{
    static struct sender sender;
    sender.result = result;
    sender.link_status = link_status;
    sender.floats = sender.waiting = 0;
    sender.found.persons = 0;
    int status = result->keypoints ? decode(&sender) : POSE_OK;
    if (status == POSE_OK && (is_scored(&sender) || sender.found.persons == 0u)) {
        status = begin_result(&sender, sender.found.persons);
    }
    if (status == POSE_OK) {
        *link_status = pose_answer_end(&sender.answer);
        status = *link_status;
    }
    return status;
}
