/* Stand-in of ai_platform_interface.h: the observer. */
#ifndef AI_PLATFORM_INTERFACE_H
#define AI_PLATFORM_INTERFACE_H

#include "ai_platform.h"

#define AI_OBSERVER_PRE_EVT (1 << 1)
#define AI_OBSERVER_POST_EVT (1 << 2)

typedef struct {
    ai_u16 c_idx, type, id, unused;
} ai_observer_node;

typedef ai_u32 (*ai_observer_node_cb)(const ai_handle cookie, const ai_u32 flags, const ai_observer_node *node);

ai_bool ai_platform_observer_register(ai_handle network, ai_observer_node_cb cb, ai_handle cookie, ai_u32 flags);

#endif
