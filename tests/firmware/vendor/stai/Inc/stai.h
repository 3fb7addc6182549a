/* Stand-in of stai.h: the types and values that backends/stedgeai/stai.c and the stand-in network use. */
#ifndef STAI_H
#define STAI_H

#include <stdint.h>

#define STAI_FLAG_NONE 0x0
#define STAI_FLAG_PREALLOCATED 0x1
#define STAI_FLAG_CHANNEL_LAST (0x1 << 7)
#define STAI_FLAG_HAS_BATCH (0x1 << 8)

typedef enum {
    STAI_SUCCESS = 0,
    STAI_ERROR_GENERIC = 0x020000,
    STAI_ERROR_NETWORK_INVALID_RUN = 0x030020,
    STAI_ERROR_NETWORK_INVALID_ACTIVATIONS_NUM = 0x040001,
    STAI_ERROR_INVALID_BUFFER_ALIGNMENT = 0x040070
} stai_return_code;

typedef enum {
    STAI_FORMAT_NONE = 0x00000040,
    STAI_FORMAT_FLOAT32 = 0x00821040,
    STAI_FORMAT_U8 = 0x00040440,
    STAI_FORMAT_S8 = 0x00840440,
    STAI_FORMAT_S16 = 0x00840840,
    STAI_FORMAT_S32 = 0x00841040
} stai_format;

typedef enum { STAI_MODE_SYNC = 1, STAI_MODE_ASYNC = 2 } stai_run_mode;

typedef int32_t stai_flags;
typedef uint8_t stai_network;
typedef uint8_t *stai_ptr;
typedef uint32_t stai_size;
typedef int32_t stai_event_type;
typedef void (*stai_event_cb)(void *cb_cookie, const stai_event_type event_type, const void *event_payload);

typedef struct {
    stai_size size;
    stai_ptr const *data;
} stai_array_const_ptr;

typedef struct {
    stai_size size;
    const float *data;
} stai_array_f32;

typedef struct {
    stai_size size;
    const int16_t *data;
} stai_array_s16;

typedef struct {
    stai_size size;
    const int32_t *data;
} stai_shape;

typedef struct {
    stai_size size_bytes;
    stai_flags flags;
    stai_format format;
    stai_shape shape;
    stai_array_f32 scale;
    stai_array_s16 zeropoint;
    const char *name;
} stai_tensor;

typedef struct {
    const char *model_signature;
    const char *c_model_name;
    uint64_t n_macc;
    uint32_t n_nodes;
    int32_t flags;
    uint16_t n_inputs, n_outputs, n_activations, n_weights, n_states;
    const stai_tensor *inputs, *outputs, *activations, *weights, *states;
} stai_network_info;

static inline stai_return_code stai_runtime_init(void)
{
    return STAI_SUCCESS;
}

#endif
