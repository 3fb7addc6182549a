/* Stand-in of stai_events.h. */
#ifndef STAI_EVENTS_H
#define STAI_EVENTS_H

#include "stai.h"

#define STAI_EVENT_NODE_START 0x1
#define STAI_EVENT_NODE_STOP 0x2

typedef struct {
    int32_t node_id;
    stai_array_const_ptr buffers;
} stai_event_node_start_stop;

#endif
