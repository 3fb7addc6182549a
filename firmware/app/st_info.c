/* ST's validation protocol: what the network is (NETWORK_INFO), and how tensors are described. */
#include "app/state.h"
#include "app/st_state.h"
#include "pose/app.h"
#include "pose/status.h"

#define RUNTIME_ST_AI 1u
#define RUNTIME_TFLM 2u
#define RUNTIME_ATON 4u
#define API_ST_AI (1u << 8)
#define TOOLS_GCC (1u << 16)
#define SHAPE_RAW (5u << 24) /* dimensions in the .tflite's order */
#define FORMAT_NONE 0x00000040u
#define FORMAT_UINT8 0x00040440u
#define SHA256_BYTES 32u
#define BUILD_ID_DIGITS 16u
#define MAX_PARTS 16u
#define MS_PER_S 1000.0f

/* ST's 32-bit buffer format word: bit 23 signed, bits 17 up the kind (1 float, 2 integer, 3 boolean), bits 7 up the bits of an element. */
static uint32_t format(uint8_t dtype)
{
    switch (dtype) {
    case POSE_INT8:
        return 0x00840440u;
    case POSE_UINT8:
        return FORMAT_UINT8;
    case POSE_INT16:
        return 0x00840840u;
    case POSE_INT32:
        return 0x00841040u;
    case POSE_INT64:
        return 0x00842040u;
    case POSE_FLOAT32:
        return 0x00821040u;
    case POSE_BOOL:
        return 0x00060440u;
    default:
        return FORMAT_NONE;
    }
}

static void put_desc(struct pose_writer *w, const char *name, const struct pose_image_tensor *tensor, const void *data, uint32_t flags)
{
    const uint32_t item = pose_dtype_bytes(tensor->dtype);
    pose_st_put_string(w, ST_DESC_NAME, name);
    pose_st_put_u32(w, ST_DESC_FORMAT, format(tensor->dtype));
    pose_st_put_u32(w, ST_DESC_SIZE, item == 0u ? 0u : tensor->bytes / item);
    pose_st_put_u32(w, ST_DESC_N_DIMS, SHAPE_RAW | tensor->rank);
    for (uint32_t i = 0; i < tensor->rank && i < POSE_IMAGE_MAX_RANK; i++) {
        pose_st_put_u32(w, ST_DESC_DIMS, tensor->dims[i]);
    }
    pose_st_put_float(w, ST_DESC_SCALE, tensor->scale);
    pose_st_put_i32(w, ST_DESC_ZEROPOINT, tensor->scale == 0.0f ? 0 : tensor->zero_point);
    pose_st_put_u32(w, ST_DESC_ADDR, (uint32_t)(uintptr_t)data);
    pose_st_put_u32(w, ST_DESC_FLAGS, flags);
}

void pose_st_put_desc(struct pose_writer *writer, const struct pose_image_tensor *tensor, const void *data, uint32_t flags)
{
    char name[POSE_ST_NAME_BYTES];
    pose_st_name(name, "tensor", tensor->source);
    put_desc(writer, name, tensor, data, flags);
}

void pose_st_put_block(struct pose_writer *writer, const char *name, const void *data, uint32_t bytes, uint32_t flags)
{
    const struct pose_image_tensor block = {.dtype = POSE_UINT8, .rank = 1, .bytes = bytes, .dims = {bytes}};
    put_desc(writer, name, &block, data, flags);
}

void pose_st_put_data(struct pose_writer *writer, const void *data, uint32_t size)
{
    pose_st_put_u32(writer, ST_DATA_TYPE, 0);
    pose_st_put_u32(writer, ST_DATA_SIZE, size);
    pose_st_put_u32(writer, ST_DATA_ADDR, (uint32_t)(uintptr_t)data);
    pose_st_put_length(writer, ST_DATA_BYTES, size);
}

/* What ST's runner makes of operators depends on it. Ours numbers them as TFLite does, so it says TFLM. */
uint32_t pose_st_runtime_id(void)
{
    static const uint32_t runtimes[] = {
        [POSE_BACKEND_RUNTIME] = RUNTIME_TFLM,
        [POSE_BACKEND_STEDGEAI] = RUNTIME_ST_AI | API_ST_AI,
        [POSE_BACKEND_ATON] = RUNTIME_ATON,
    };
    return runtimes[POSE_BACKEND] | TOOLS_GCC;
}

static void put_signature(struct pose_writer *w, uint32_t field, const uint8_t *sha256)
{
    static const char digits[] = "0123456789abcdef";
    pose_st_put_length(w, field, 2u * SHA256_BYTES);
    for (uint32_t i = 0; i < SHA256_BYTES; i++) {
        pose_put_u8(w, (uint8_t)digits[sha256[i] >> 4]);
        pose_put_u8(w, (uint8_t)digits[sha256[i] & 0xFu]);
    }
}

/* major << 24 | minor << 16 | patch << 8 of this firmware. */
static uint32_t version(void)
{
    static const char text[] = POSE_FIRMWARE_VERSION;
    uint32_t parts[3] = {0, 0, 0};
    uint32_t part = 0;
    for (uint32_t i = 0; text[i] != '\0' && part < 3u; i++) {
        if (text[i] == '.') {
            part++;
        } else {
            parts[part] = parts[part] * 10u + (uint32_t)(text[i] - '0');
        }
    }
    return parts[0] << 24 | parts[1] << 16 | parts[2] << 8;
}

/* From the name to the number of nodes; images tell no time and no tool they were made with or by. */
static void put_head(struct pose_writer *w, const struct pose_net_info *info)
{
    pose_st_put_string(w, ST_MINFO_NAME, info->name);
    pose_st_put_u32(w, ST_MINFO_RTID, pose_st_runtime_id());
    put_signature(w, ST_MINFO_SIGNATURE, info->model_sha256);
    pose_st_put_string(w, ST_MINFO_COMPILE_DATETIME, "");
    pose_st_put_u32(w, ST_MINFO_RUNTIME_VERSION, version());
    pose_st_put_u32(w, ST_MINFO_TOOL_VERSION, 0);
    pose_st_put_u64(w, ST_MINFO_N_MACC, info->macc);
    pose_st_put_u32(w, ST_MINFO_N_NODES, info->op_count);
}

/* The runner takes a last word that is a hexadecimal number for the build. */
static void put_runtime(struct pose_writer *w)
{
    static const char text[] = "stm32pose " POSE_BACKEND_NAME " " POSE_KERNEL_SET " ";
    pose_st_put_length(w, ST_MINFO_RUNTIME_DESC, (uint32_t)sizeof text - 1u + BUILD_ID_DIGITS);
    pose_put_bytes(w, text, (uint32_t)sizeof text - 1u);
    pose_put_bytes(w, pose_build_id, BUILD_ID_DIGITS);
    if (pose_st_app.wide) {                              /* C requires them, B takes them for unknown fields */
        pose_st_put_float(w, ST_MINFO_N_INSTALL_TIME, 0); /* it runs where it is */
        pose_st_put_float(w, ST_MINFO_N_INIT_TIME, pose_st_ms(pose_app_state.open_ticks));
    }
}

float pose_st_ms(uint64_t ticks)
{
    /* In floats alone: not every core divides 64 bits or doubles. */
    const float count = (float)(uint32_t)(ticks >> 32) * 4294967296.0f + (float)(uint32_t)ticks;
    return count * (MS_PER_S / (float)pose_board_info()->tick_hz);
}

/* A count and the one description it counts. */
static void put_one(struct pose_writer *w, uint32_t field, const struct pose_writer *desc)
{
    pose_st_put_u32(w, field, 1);
    pose_st_put_message(w, field + 1u, desc);
}

/* Part i of an aiModelInfoMsg; its parts are encoded one at a time, because no buffer holds all of them. False: there is none. */
static bool put_part(struct pose_writer *w, const struct pose_net_info *info, uint32_t i)
{
    uint8_t bytes[ST_TENSOR_DESC_BYTES];
    struct pose_writer desc = {.data = bytes, .capacity = sizeof bytes};
    struct pose_net_tensor output;
    switch (i) {
    case 0:
        put_head(w, info);
        return true;
    case 1:
        pose_st_put_desc(&desc, info->input, pose_app_slot(0), ST_TENSOR_INPUT | ST_TENSOR_LAST);
        put_one(w, ST_MINFO_N_INPUTS, &desc);
        return true;
    case 2:
        pose_st_put_block(&desc, "activations", pose_app_state.places.arena, info->arena_bytes, ST_TENSOR_MEMPOOL);
        pose_st_put_u32(w, ST_MINFO_N_OUTPUTS, info->output_count);
        put_one(w, ST_MINFO_N_ACTIVATIONS, &desc);
        return true;
    case 3:
        pose_st_put_block(&desc, "network", pose_app_state.places.image, info->image_bytes, ST_TENSOR_MEMPOOL);
        put_one(w, ST_MINFO_N_PARAMS, &desc);
        put_runtime(w);
        return true;
    default:
        break;
    }
    if (i - 4u >= info->output_count || pose_net_output(i - 4u, &output) != POSE_OK) {
        return false;
    }
    const bool last = i - 4u == info->output_count - 1u;
    pose_st_put_desc(&desc, output.tensor, output.data, ST_TENSOR_OUTPUT | ST_TENSOR_IN_MEMPOOL | (last ? ST_TENSOR_LAST : 0u));
    pose_st_put_message(w, ST_MINFO_OUTPUTS, &desc);
    return true;
}

static void send_info(const struct pose_net_info *info)
{
    uint8_t bytes[ST_TENSOR_DESC_BYTES + 64u];
    struct pose_st_sender sender;
    uint32_t size = 0;
    for (uint32_t i = 0; i < MAX_PARTS; i++) {
        struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
        if (!put_part(&w, info, i)) {
            break;
        }
        if (w.overflow) {
            pose_st_fail(0, ST_E_MEM_OVERFLOW);
            return;
        }
        size += w.used;
    }
    struct pose_writer w = {.data = bytes, .capacity = sizeof bytes};
    pose_st_put_u32(&w, ST_RESPONSE_REQID, pose_st_app.reqid);
    pose_st_put_u32(&w, ST_RESPONSE_STATE, ST_IDLE);
    pose_st_put_length(&w, ST_MINFO, size);
    pose_st_send_start(&sender, pose_st_app.link.serial, pose_st_app.wide, w.used + size);
    int status = pose_st_send(&sender, bytes, w.used);
    for (uint32_t i = 0; status == POSE_OK && sender.left > 0u && i < MAX_PARTS; i++) {
        w.used = 0;
        (void)put_part(&w, info, i);
        status = pose_st_send(&sender, bytes, w.used);
    }
}

void pose_st_network_info(const struct pose_st_message *request)
{
    struct pose_net_info info;
    if (st_field(request, ST_PARAM) != 0u) {
        pose_st_refuse(); /* this is how a host learns that there are no more */
    } else if (pose_app_state.network_status != POSE_OK || pose_net_info(&info) != POSE_OK) {
        pose_st_fail((uint32_t)-pose_app_state.network_status, ST_E_GENERIC);
    } else {
        send_info(&info);
    }
}
