/* Stand-in of ai_platform.h (legacy API): what backends/stedgeai/legacy.c and the stand-in network use. */
#ifndef AI_PLATFORM_H
#define AI_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void *ai_handle;
typedef bool ai_bool;
typedef uint8_t ai_u8;
typedef int8_t ai_i8;
typedef uint16_t ai_u16;
typedef uint32_t ai_u32;
typedef int32_t ai_i32;
typedef float ai_float;
typedef uint32_t ai_size;
typedef uint64_t ai_macc;
typedef uint32_t ai_flags;
typedef int32_t ai_buffer_format;
typedef uint32_t ai_shape_dimension;

#define AI_HANDLE_NULL ((ai_handle)0)
#define AI_HANDLE_PTR(ptr_) ((ai_handle)(ptr_))

#define AI_BUFFER_FMT_GET(fmt_) ((fmt_) & 0x01FFFFFF)
enum {
    AI_BUFFER_FORMAT_NONE = 0x40,
    AI_BUFFER_FORMAT_FLOAT = 0x01821040,
    AI_BUFFER_FORMAT_U8 = 0x00040440,
    AI_BUFFER_FORMAT_S8 = 0x00840440,
    AI_BUFFER_FORMAT_S16 = 0x00840840,
    AI_BUFFER_FORMAT_S32 = 0x00841040
};

#define AI_SHAPE_BATCH 0
#define AI_SHAPE_CHANNEL 1
#define AI_SHAPE_WIDTH 2
#define AI_SHAPE_HEIGHT 3

typedef struct {
    ai_u32 type : 8;
    ai_u32 size : 24;
    ai_shape_dimension *data;
} ai_buffer_shape;

typedef struct {
    const ai_float *scale;
    ai_handle zeropoint;
} ai_intq_info;

typedef struct {
    ai_u16 flags, size;
    const ai_intq_info *info;
} ai_intq_info_list;

#define AI_BUFFER_META_HAS_INTQ_INFO 0x1u
#define AI_BUFFER_META_FLAG_ZEROPOINT_U8 0x1u
typedef struct {
    ai_u32 flags;
    ai_intq_info_list *intq_info;
} ai_buffer_meta_info;

typedef struct {
    ai_buffer_format format;
    ai_handle data;
    ai_buffer_meta_info *meta_info;
    ai_flags flags;
    ai_size size; /* elements */
    ai_buffer_shape shape;
} ai_buffer;

#define AI_BUFFER_SHAPE_SIZE(buf_) ((buf_)->shape.size)
#define AI_BUFFER_SHAPE_ELEM(buf_, pos_) ((buf_)->shape.data[pos_])
#define AI_BUFFER_META_INFO(buf_) ((buf_)->meta_info)
#define AI_BUFFER_META_INFO_INTQ_GET_SIZE(meta_) (((meta_)->flags & AI_BUFFER_META_HAS_INTQ_INFO) ? (meta_)->intq_info->size : 0)
#define AI_BUFFER_META_INFO_INTQ_GET_SCALE(meta_, pos_) ((meta_)->intq_info->info->scale[pos_])
#define AI_BUFFER_META_INFO_INTQ_GET_ZEROPOINT(meta_, pos_)                                                                              \
    (((meta_)->intq_info->flags & AI_BUFFER_META_FLAG_ZEROPOINT_U8) ? (ai_i32)((const ai_u8 *)(meta_)->intq_info->info->zeropoint)[pos_] \
                                                                    : (ai_i32)((const ai_i8 *)(meta_)->intq_info->info->zeropoint)[pos_])

enum { AI_ERROR_NONE = 0, AI_ERROR_INIT_FAILED = 0x30 };
typedef struct {
    ai_u32 type : 8;
    ai_u32 code : 24;
} ai_error;

typedef struct {
    const char *model_name;
    ai_macc n_macc;
    ai_u16 n_inputs, n_outputs;
    ai_buffer *inputs, *outputs;
    ai_u32 n_nodes;
} ai_network_report;

#endif
