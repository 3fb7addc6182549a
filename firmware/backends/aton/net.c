/* The Neural-ART NPU of the STM32N6 through ST's LL_ATON runtime of ST Edge AI Core 2.1 to 4.0, by what those have in common: the functions that the
 * network's interface names, not the API's wrappers around them. The runtime works by interrupt (LL_ATON_RT_ASYNC): networks of the epoch controller
 * know no other way. Its handler is the NPU's vector itself (boards/common/startup.c), so that its time is the run's. Activations lie where the
 * generator's memory pools put them, not in the arena. The build gives the network's C name. */
#include <stdbool.h>
#include <stddef.h>

#include "backends/aton/cache.h"
#include "backends/linked.h"
#include "ll_aton_runtime.h"
#include "pose/board.h"
#include "pose/status.h"
#include "pose/vendor.h"

#define DECLARE(name) LL_ATON_DECLARE_NAMED_NN_INSTANCE_AND_INTERFACE(name) /* expands the name first */
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#define INSTANCE (&PASTE(NN_Instance_, POSE_NETWORK_NAME))
#define INPUTS (INSTANCE->network->input_buffers_info())
#define OUTPUTS (INSTANCE->network->output_buffers_info())
#define INTERNAL (INSTANCE->network->internal_buffers_info()) /* empty where the build leaves debug information out */

DECLARE(POSE_NETWORK_NAME)

static const struct pose_linked *opened;
static bool is_initialised;
/* The epoch block that has ended last, until it is told. */
static struct {
    const char *on;
    int32_t number;
    bool open;
} ended;

static uint8_t dtype_of(Buffer_DataType_TypeDef type)
{
    switch (type) {
    case DataType_INT8:
        return POSE_INT8;
    case DataType_UINT8:
        return POSE_UINT8;
    case DataType_INT16:
        return POSE_INT16;
    case DataType_INT32:
        return POSE_INT32;
    case DataType_FLOAT:
        return POSE_FLOAT32;
    default:
        return 0;
    }
}

/* `mem_shape` is the order in memory; `shape` is the compiler's own, and can differ from it. */
static int describe(struct pose_image_tensor *to, const LL_Buffer_InfoTypeDef *from, uint32_t source)
{
    if (from->mem_shape == NULL || from->per_channel != 0u) {
        return POSE_ERR_IMAGE;
    }
    const int status = pose_linked_tensor(to, dtype_of(from->type), from->mem_shape, from->mem_ndims, LL_Buffer_len(from), source);
    if (status == POSE_OK && from->scale != NULL && from->offset != NULL) {
        to->scale = from->scale[0];
        to->zero_point = from->offset[0];
    }
    return status;
}

static int meets(uintptr_t start, uintptr_t bytes, const LL_Buffer_InfoTypeDef *buffer)
{
    const uintptr_t first = (uintptr_t)LL_Buffer_addr_start(buffer);
    return bytes != 0u && first < start + bytes && start < first + LL_Buffer_len(buffer);
}

/* The generator's memory pools must leave the firmware's own RAM alone: one look here instead of a run that writes over the stack. */
static int overlaps(const LL_Buffer_InfoTypeDef *buffers)
{
    const struct pose_board_info *board = pose_board_info();
    const uintptr_t stack = (uintptr_t)board->stack_bottom;
    for (const LL_Buffer_InfoTypeDef *b = buffers; b != NULL && b->name != NULL; b++) {
        if (b->is_param == 0u && b->is_user_allocated == 0u &&
            (meets((uintptr_t)board->slot_block, board->slot_block_bytes, b) || meets((uintptr_t)board->mailbox, board->mailbox_bytes, b) ||
             meets(stack, (uintptr_t)board->stack_top - stack, b))) {
            return 1;
        }
    }
    return 0;
}

static void tell_ended(void)
{
    if (ended.open) {
        ended.open = false;
        pose_linked_node_done("epoch", ended.number, ended.on);
    }
}

/* An epoch block is told when the next one starts, or the network is done: what the runtime does between two belongs to the first, and the sum of
 * all is the whole run. Those that the runtime inserts for an operator are part of that operator's epoch: there are as many as the network has. */
static void on_epoch(LL_ATON_RT_Callbacktype_t type, const NN_Instance_TypeDef *instance, const LL_ATON_RT_EpochBlockItem_t *epoch)
{
    (void)instance;
    if (epoch == NULL || (epoch->flags & EpochBlock_Flags_internal) != 0) {
        return;
    }
    if (type == LL_ATON_RT_Callbacktype_PRE_START) {
        tell_ended();
    } else if (type == LL_ATON_RT_Callbacktype_POST_END) {
        ended.on = (epoch->flags & EpochBlock_Flags_pure_sw) != 0  ? "cpu"
                   : (epoch->flags & EpochBlock_Flags_hybrid) != 0 ? "npu and cpu"
                                                                   : "npu";
        ended.number = epoch->epoch_num;
        ended.open = true;
    }
}

static void stop_runtime(void)
{
    if (is_initialised) {
        LL_ATON_RT_DeInit_Network(INSTANCE);
        LL_ATON_RT_RuntimeDeInit();
        is_initialised = false;
    }
}

static void start_runtime(void)
{
    stop_runtime();
    pose_board_npu_start();
    LL_ATON_RT_RuntimeInit();
#if __has_include("ll_aton_rt_user_api.h") /* from 2.2 on, where the other name is deprecated */
    LL_ATON_RT_SetNetworkCallback(INSTANCE, on_epoch);
#else
    LL_ATON_RT_SetEpochCallback(on_epoch, INSTANCE);
#endif
    LL_ATON_RT_Init_Network(INSTANCE);
    is_initialised = true;
}

static int open_buffers(struct pose_linked *net)
{
    int status = POSE_OK;
    uint32_t inputs = 0;
    for (const LL_Buffer_InfoTypeDef *b = INPUTS; b != NULL && b->name != NULL && status == POSE_OK; b++) {
        if (b->is_param != 0u) {
            net->weights_bytes += LL_Buffer_len(b);
            continue;
        }
        status = inputs++ == 0u ? describe(&net->input, b, 0) : POSE_ERR_IMAGE;
        net->input_data = LL_Buffer_addr_start(b);
    }
    for (const LL_Buffer_InfoTypeDef *b = OUTPUTS; b != NULL && b->name != NULL && status == POSE_OK; b++) {
        if (net->output_count == POSE_LINKED_MAX_OUTPUTS) {
            return POSE_ERR_IMAGE;
        }
        status = describe(&net->outputs[net->output_count], b, net->output_count);
        net->output_data[net->output_count++] = LL_Buffer_addr_start(b);
    }
    return inputs == 0u ? POSE_ERR_IMAGE : status;
}

/* The arena may hold memory pools: room that meets one of the network's own buffers is none. */
static void *take_room(uint32_t bytes)
{
    const LL_Buffer_InfoTypeDef *const lists[] = {INTERNAL, INPUTS, OUTPUTS};
    void *room = pose_linked_take(bytes);
    for (uint32_t i = 0; room != NULL && i < sizeof lists / sizeof lists[0]; i++) {
        for (const LL_Buffer_InfoTypeDef *b = lists[i]; b != NULL && b->name != NULL; b++) {
            if (b->is_user_allocated == 0u && meets((uintptr_t)room, bytes, b)) {
                return NULL;
            }
        }
    }
    return room;
}

/* Buffers of --no-inputs-allocation and --no-outputs-allocation have no address until they are given one. */
static int give_user_buffers(void)
{
    uint32_t number = 0;
    for (const LL_Buffer_InfoTypeDef *b = INPUTS; b != NULL && b->name != NULL; b++) {
        if (b->is_param == 0u && b->is_user_allocated != 0u) {
            void *room = take_room(LL_Buffer_len(b));
            if (room == NULL || INSTANCE->network->input_setter(number, room, LL_Buffer_len(b)) != LL_ATON_User_IO_NOERROR) {
                return POSE_ERR_MEMORY;
            }
            number++;
        }
    }
    number = 0;
    for (const LL_Buffer_InfoTypeDef *b = OUTPUTS; b != NULL && b->name != NULL; b++) {
        if (b->is_user_allocated != 0u) {
            void *room = take_room(LL_Buffer_len(b));
            if (room == NULL || INSTANCE->network->output_setter(number, room, LL_Buffer_len(b)) != LL_ATON_User_IO_NOERROR) {
                return POSE_ERR_MEMORY;
            }
            number++;
        }
    }
    return POSE_OK;
}

int pose_port_open(struct pose_linked *net, void *data, uint32_t max_bytes)
{
    (void)data; /* the generated code has the addresses of the weights */
    (void)max_bytes;
    net->name = TEXT(POSE_NETWORK_NAME);
    for (const LL_ATON_RT_EpochBlockItem_t *e = INSTANCE->network->epoch_block_items(); (e->flags & EpochBlock_Flags_last_eb) == 0; e++) {
        net->op_count++;
    }
    if (overlaps(INTERNAL) || overlaps(INPUTS) || overlaps(OUTPUTS)) {
        return POSE_ERR_MEMORY;
    }
    start_runtime();
    int status = give_user_buffers();
    if (status == POSE_OK) {
        status = open_buffers(net);
    }
    if (net->weights_bytes == 0u) { /* they are debug information of buffers, which the build leaves out */
        net->weights_bytes = POSE_NETWORK_DATA_BYTES;
    }
    opened = net;
    return status;
}

static void invalidate_outputs(void)
{
    for (uint32_t i = 0; i < opened->output_count; i++) {
        pose_cache_invalidate(opened->output_data[i], opened->outputs[i].bytes);
    }
}

/* Asks the runtime again while the NPU works, which is a look at a word in RAM that the interrupt writes: a sleeping STM32N6 takes the memories' clocks
 * away. False: nothing has ended for as long as the board waits for anything. */
static bool run_epochs(void)
{
    const uint64_t patience = pose_board_info()->stall_ticks;
    uint64_t since = pose_board_ticks();
    for (;;) {
        switch (LL_ATON_RT_RunEpochBlock(INSTANCE)) {
        case LL_ATON_RT_DONE:
            return true;
        case LL_ATON_RT_WFE:
            if (pose_board_ticks() - since > patience) {
                return false;
            }
            break;
        default:
            since = pose_board_ticks();
        }
    }
}

int pose_port_run(void)
{
    pose_cache_clean(opened->input_data, opened->input.bytes); /* first: the generator may place an output over the input */
    invalidate_outputs();
    if (!is_initialised) { /* the run before did not end */
        start_runtime();
    } else {
        LL_ATON_RT_Reset_Network(INSTANCE);
    }
    ended.open = false;
    pose_linked_start();
    if (!run_epochs()) {
        stop_runtime(); /* resets the NPU at the next run */
        return POSE_ERR_INTERNAL;
    }
    tell_ended();
    invalidate_outputs();
    return POSE_OK;
}
