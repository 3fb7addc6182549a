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

typedef struct {
    ai_observer_node_cb on_node;
    ai_handle cookie;
    ai_u32 flags;
    ai_u16 c_idx, n_nodes;
    struct ai_node_s *cur;
} ai_observer_exec_ctx;

/* Takes its context from the heap, which needs _sbrk: firmware without one does not link. */
ai_bool ai_platform_observer_register(ai_handle network, ai_observer_node_cb cb, ai_handle cookie, ai_u32 flags);
/* The context is the caller's, and stays in use until it is given back. */
ai_bool ai_platform_observer_register_s(ai_handle network, ai_observer_exec_ctx *ctx);
ai_bool ai_platform_observer_unregister_s(ai_handle network, ai_observer_exec_ctx *ctx);

#endif
