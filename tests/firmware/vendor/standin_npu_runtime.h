/* Stand-in of ll_aton_runtime.c, as strict as the real one: what is done before the runtime or the network is initialised, or a second time, traps (the
 * real one asserts). An epoch of the NPU ends by its interrupt, and only the handler behind it notices. Blobs of the epoch controller are refused when the
 * runtime polls, and silently, as the real one does where NDEBUG is defined. */
#include "ll_aton_runtime.h"
#include "standin.h"

static bool runtime_initialised;
static NN_Instance_TypeDef *volatile owner;

/* Of standin_npu_network.h: what the NPU does, and how long it takes. */
void standin_epoch_controller(uintptr_t blob);
extern uint32_t standin_npu_ns, standin_rest_ns;

#if defined(__arm__)
static void interrupt(void)
{
    *(volatile uint32_t *)(uintptr_t)(0xE000E200u + 4u * (NPU0_IRQn / 32u)) = 1u << (NPU0_IRQn % 32u); /* NVIC_ISPR */
}

static void npu_works(void)
{
    interrupt();
}

static void npu_goes_on(void)
{
}

static void spend(uint32_t ns)
{
    (void)ns;
}
#else
#include <time.h>

static uint64_t npu_ends;

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void npu_works(void)
{
    npu_ends = now() + standin_npu_ns;
}

/* There is no interrupt on the host: it comes while the firmware asks. */
static void npu_goes_on(void)
{
    if (npu_ends != 0u && now() >= npu_ends && standin_fault != FAULT_HANG) {
        npu_ends = 0;
        NPU0_IRQHandler();
    }
}

static void spend(uint32_t ns)
{
    for (const uint64_t end = now() + ns; ns != 0u && now() < end;) {
    }
}
#endif

void LL_ATON_RT_RuntimeInit(void)
{
    if (runtime_initialised) {
        __builtin_trap();
    }
    runtime_initialised = true;
    owner = NULL;
#if defined(__arm__)
    NVIC_EnableIRQ(NPU0_IRQn);
#endif
}

void LL_ATON_RT_RuntimeDeInit(void)
{
#if defined(__arm__)
    NVIC_DisableIRQ(NPU0_IRQn);
#endif
    runtime_initialised = false;
}

static void set_callback(NN_Instance_TypeDef *nn, TraceEpochBlock_FuncPtr_t callback)
{
    if (nn->exec_state.current != NULL && nn->exec_state.initialised) {
        __builtin_trap(); /* before the network is initialised */
    }
    nn->exec_state.callback = callback;
}

#if STANDIN_GENERATION < 4
void LL_ATON_RT_SetEpochCallback(TraceEpochBlock_FuncPtr_t callback, NN_Instance_TypeDef *nn)
{
    set_callback(nn, callback);
}
#endif

#if STANDIN_GENERATION > 2
void LL_ATON_RT_SetNetworkCallback(NN_Instance_TypeDef *nn, TraceEpochBlock_FuncPtr_t callback)
{
    set_callback(nn, callback);
}
#endif

static void tell(const NN_Instance_TypeDef *nn, LL_ATON_RT_Callbacktype_t type, const LL_ATON_RT_EpochBlockItem_t *block)
{
    if (nn->exec_state.callback != NULL) {
        nn->exec_state.callback(type, nn, block);
    }
}

static void begin(NN_Instance_TypeDef *nn)
{
    nn->exec_state.current = nn->network->epoch_block_items();
    nn->exec_state.next = NULL;
    nn->exec_state.saved = NULL;
    nn->exec_state.current_started = false;
    nn->exec_state.inference_started = false;
#if LL_ATON_RT_MODE == LL_ATON_RT_ASYNC
    nn->exec_state.triggered_events = 0;
#endif
    tell(nn, LL_ATON_RT_Callbacktype_NN_Init, NULL);
}

void LL_ATON_RT_Init_Network(NN_Instance_TypeDef *nn)
{
    if (!runtime_initialised || nn->exec_state.initialised || !nn->network->ec_network_init()) {
        __builtin_trap();
    }
    nn->exec_state.initialised = true;
    begin(nn);
}

void LL_ATON_RT_DeInit_Network(NN_Instance_TypeDef *nn)
{
    tell(nn, LL_ATON_RT_Callbacktype_NN_DeInit, NULL);
    owner = NULL;
    nn->exec_state.initialised = false;
    nn->exec_state.current = NULL;
}

void LL_ATON_RT_Reset_Network(NN_Instance_TypeDef *nn)
{
    if (!nn->exec_state.initialised) {
        __builtin_trap();
    }
    begin(nn);
}

static bool is_blob(const LL_ATON_RT_EpochBlockItem_t *block)
{
    return (block->flags & EpochBlock_Flags_blob) != 0;
}

static uint32_t awaited(const LL_ATON_RT_EpochBlockItem_t *block)
{
    return is_blob(block) ? 1u << block->wait_mask : block->wait_mask;
}

void NPU0_IRQHandler(void)
{
    if (owner == NULL) {
        __builtin_trap();
    }
#if LL_ATON_RT_MODE == LL_ATON_RT_ASYNC
    owner->exec_state.triggered_events |= awaited(owner->exec_state.current);
#endif
}

#if STANDIN_GENERATION < 4
#define CALL(function, block, nn) function(block)

/* A hybrid epoch is the NPU's too. */
static bool takes_npu(const LL_ATON_RT_EpochBlockItem_t *block)
{
    return (block->flags & EpochBlock_Flags_pure_sw) == 0;
}
#else
#define CALL(function, block, nn) function(block, nn)

/* Of others the library takes it, for the epochs that it inserts. */
static bool takes_npu(const LL_ATON_RT_EpochBlockItem_t *block)
{
    if (block->start_epoch_block != NULL && (block->flags & (EpochBlock_Flags_pure_sw | EpochBlock_Flags_hybrid)) != 0) {
        __builtin_trap(); /* they only have an end */
    }
    return (block->flags & EpochBlock_Flags_pure_hw) != 0;
}

void standin_insert(const NN_Instance_TypeDef *nn_instance, const LL_ATON_RT_EpochBlockItem_t *new_epoch_block_array)
{
    if (owner != NULL || nn_instance->exec_state.next != NULL || nn_instance->exec_state.saved != NULL) {
        __builtin_trap(); /* one at a time */
    }
    owner = (NN_Instance_TypeDef *)nn_instance;
    owner->exec_state.next = new_epoch_block_array;
}
#endif

static void start(NN_Instance_TypeDef *nn, const LL_ATON_RT_EpochBlockItem_t *block)
{
    tell(nn, LL_ATON_RT_Callbacktype_PRE_START, block);
    if (takes_npu(block)) {
        owner = nn;
    }
    if (block->start_epoch_block != NULL) {
        CALL(block->start_epoch_block, block, nn);
    }
    if (is_blob(block)) {
#if LL_ATON_RT_MODE == LL_ATON_RT_ASYNC
        standin_epoch_controller(block->blob_address);
#endif
    }
    if (awaited(block) != 0u) {
        npu_works();
    }
    tell(nn, LL_ATON_RT_Callbacktype_POST_START, block);
}

static void end(NN_Instance_TypeDef *nn, const LL_ATON_RT_EpochBlockItem_t *block)
{
    tell(nn, LL_ATON_RT_Callbacktype_PRE_END, block);
    if (takes_npu(block) || (block->flags & EpochBlock_Flags_internal) != 0) {
        owner = NULL;
    }
    if (block->end_epoch_block != NULL) {
        CALL(block->end_epoch_block, block, nn);
    }
    tell(nn, LL_ATON_RT_Callbacktype_POST_END, block);
    nn->exec_state.current_started = false;
    if (nn->exec_state.next != NULL) {
        nn->exec_state.saved = nn->exec_state.current;
        nn->exec_state.current = nn->exec_state.next;
        nn->exec_state.next = NULL;
    } else {
        nn->exec_state.current++;
    }
    spend(standin_rest_ns);
}

LL_ATON_RT_RetValues_t LL_ATON_RT_RunEpochBlock(NN_Instance_TypeDef *nn)
{
    const LL_ATON_RT_EpochBlockItem_t *block = nn->exec_state.current;
    if (!nn->exec_state.initialised) {
        __builtin_trap();
    }
    if (!nn->exec_state.inference_started) {
        nn->exec_state.inference_started = true;
        if (!nn->network->ec_inference_init()) {
            __builtin_trap();
        }
    }
    if ((block->flags & EpochBlock_Flags_last_eb) != 0) {
        if (nn->exec_state.saved == NULL) {
            return LL_ATON_RT_DONE;
        }
        nn->exec_state.current = nn->exec_state.saved + 1; /* behind what they were inserted for */
        nn->exec_state.saved = NULL;
        return LL_ATON_RT_NO_WFE;
    }
    if (!nn->exec_state.current_started) {
        nn->exec_state.current_started = true;
        start(nn, block);
    }
#if LL_ATON_RT_MODE == LL_ATON_RT_ASYNC
    npu_goes_on();
    if ((nn->exec_state.triggered_events & awaited(block)) != awaited(block)) {
        return LL_ATON_RT_WFE;
    }
    nn->exec_state.triggered_events &= ~awaited(block);
#endif
    end(nn, block);
    return LL_ATON_RT_NO_WFE;
}
