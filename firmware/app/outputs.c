/* OUTPUT: the bytes of an output tensor of the last INFER, for a host that was told its CRC alone and expected another one. */
#include "app/state.h"
#include "pose/net.h"
#include "pose/status.h"

#define OUTPUT_BYTES 12u

struct asked {
    uint32_t nonce, output, offset;
};

void pose_app_forget_outputs(void)
{
    pose_app_state.outputs_link = NULL;
}

/* Finds what is asked for; a run is named by link and nonce, so that no host takes the outputs of another's run for its own. */
static int find(const struct pose_link *link, const struct asked *asked, struct pose_net_tensor *tensor)
{
    const struct pose_app *app = &pose_app_state;
    if (app->outputs_link != link || app->outputs_nonce != asked->nonce) {
        return POSE_ERR_STATE;
    }
    const int status = pose_net_output(asked->output, tensor);
    if (status != POSE_OK) {
        return status;
    }
    if (tensor->data == NULL) {
        return POSE_ERR_STATE;
    }
    return asked->offset < tensor->tensor->bytes ? POSE_OK : POSE_ERR_PARAM;
}

void pose_app_output(struct pose_link *link, const struct pose_message *request)
{
    struct asked asked = {0};
    struct pose_net_tensor tensor;
    int status = request->length == OUTPUT_BYTES ? POSE_OK : POSE_ERR_LENGTH;
    if (status == POSE_OK) {
        asked = (struct asked){pose_get_u32(request->payload), pose_get_u32(request->payload + 4), pose_get_u32(request->payload + 8)};
    }
    link->ops->release(link);
    if (status == POSE_OK) {
        status = find(link, &asked, &tensor);
    }
    if (status != POSE_OK) {
        (void)pose_answer_status(link, request, status);
        return;
    }
    const uint32_t room = link->max_message - POSE_MESSAGE_OVERHEAD;
    const uint32_t left = tensor.tensor->bytes - asked.offset;
    (void)pose_answer(link, request, POSE_OK, 0, NULL, (const uint8_t *)tensor.data + asked.offset, left < room ? left : room);
}
