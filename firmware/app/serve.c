/* Requests as they come in over the links: the next one, and what is served of them while the network runs. */
#include "app/state.h"
#include "pose/status.h"

bool pose_app_next_request(struct pose_link *link, struct pose_message *request)
{
    const uint8_t *data;
    uint32_t size;
    if (!link->ops->receive(link, &data, &size)) {
        return false;
    }
    const int status = pose_message_parse(data, size, request);
    if (status == POSE_OK) {
        return true;
    }
    link->ops->release(link);
    if (status == POSE_ERR_VERSION) {
        (void)pose_answer_status(link, request, POSE_ERR_VERSION);
    } else {
        link->dropped++;
    }
    return false;
}

bool pose_app_serve_running(void)
{
    for (uint32_t i = 0; i < pose_app_state.link_count; i++) {
        struct pose_link *link = pose_app_state.links[i];
        struct pose_message request;
        while (pose_app_next_request(link, &request)) {
            if (link == &pose_app_state.serial.base && link != pose_app_state.running) {
                pose_app_st_end();
            }
            if (request.type == POSE_HELLO && link == pose_app_state.running) {
                return false; /* stays in the link; answered when the run has been given up */
            }
            if (request.type == POSE_UPLOAD) {
                pose_app_upload(link, &request);
            } else {
                link->ops->release(link);
                (void)pose_answer_status(link, &request, POSE_ERR_BUSY);
            }
        }
    }
    return pose_app_st_serve_running();
}
