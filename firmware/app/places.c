/* Where a network's image and arena are, and the copy of the image that PLACE asks for. */
#include <string.h>

#include "app/state.h"
#include "pose/image.h"
#include "pose/status.h"

#define COPY_ALIGNMENT 32u /* a line of the STM32s' data caches: no line has bytes of arena and image */

#if POSE_NET_IMAGES
/* Whether the flash holds what may be an image of a length that is there; everything else is checked where it is opened. */
static bool is_image(const struct pose_image_header *header, uint32_t max_bytes)
{
    return max_bytes >= sizeof *header && header->magic == POSE_IMAGE_MAGIC && header->image_bytes >= sizeof *header &&
           header->image_bytes <= max_bytes;
}

/* Behind the network's own arena where both are in one memory. */
static int copy_image(struct pose_app_places *places, const struct pose_board_memory *memory)
{
    const struct pose_image_header *header = (const void *)places->image;
    uint32_t offset = 0;
    if (!is_image(header, places->image_max_bytes)) {
        return POSE_OK; /* opening it where it is says what is wrong */
    }
    const uint32_t image_bytes = header->image_bytes;
    if (memory->start == places->arena) {
        if (header->arena_bytes > memory->bytes) {
            return POSE_ERR_MEMORY;
        }
        offset = (header->arena_bytes + COPY_ALIGNMENT - 1u) & ~(COPY_ALIGNMENT - 1u);
    }
    if (offset > memory->bytes || image_bytes > memory->bytes - offset) {
        return POSE_ERR_MEMORY;
    }
    uint8_t *copy = (uint8_t *)memory->start + offset;
    memcpy(copy, places->image, image_bytes);
    places->image = copy;
    places->image_max_bytes = image_bytes;
    if (memory->start == places->arena) {
        places->arena_bytes = offset;
    }
    return POSE_OK;
}
#endif

int pose_app_settle(uint8_t weights_memory, uint8_t arena_memory, struct pose_app_places *places)
{
    const struct pose_board_info *board = pose_board_info();
    *places = (struct pose_app_places){board->network, board->network_max_bytes, board->arena, board->arena_bytes};
#if POSE_NET_IMAGES
    if (arena_memory != POSE_AS_STARTED) {
        places->arena = board->memories[arena_memory].start;
        places->arena_bytes = board->memories[arena_memory].bytes;
    }
    if (weights_memory != POSE_AS_STARTED) {
        return copy_image(places, &board->memories[weights_memory]);
    }
#else
    (void)weights_memory;
    (void)arena_memory;
#endif
    return POSE_OK;
}
