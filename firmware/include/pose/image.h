/* The network image: a compiled .tflite, flashed as data and executed in place.
 * Normative description: firmware/NETWORK_IMAGE.md. Little endian; every offset counts bytes from the image's
 * first byte. The image is untrusted input: pose_runtime_open() checks every field before anything uses it. */
#ifndef POSE_IMAGE_H
#define POSE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#define POSE_IMAGE_MAGIC 0x314E4D50u /* "PMN1" */
#define POSE_IMAGE_VERSION 4u
#define POSE_IMAGE_MAX_RANK 6u
#define POSE_IMAGE_NO_TENSOR 0xFFFFu
#define POSE_IMAGE_MAX_OPERANDS 1024u /* of one operator, inputs and outputs together */
#define POSE_IMAGE_MAX_TENSORS 4096u
#define POSE_IMAGE_FEW_OPERANDS 32u  /* of one operator; more are resolved in the arena (NETWORK_IMAGE.md, "Memory") */
#define POSE_IMAGE_OPERAND_BYTES 16u /* of the arena for each operand then */

enum pose_dtype { POSE_INT8 = 1, POSE_UINT8 = 2, POSE_INT16 = 3, POSE_INT32 = 4, POSE_INT64 = 5, POSE_FLOAT32 = 6, POSE_BOOL = 7 };

/* Bytes of one element, 0 for an unknown type. */
static inline uint32_t pose_dtype_bytes(uint8_t dtype)
{
    switch (dtype) {
    case POSE_INT8:
    case POSE_UINT8:
    case POSE_BOOL:
        return 1u;
    case POSE_INT16:
        return 2u;
    case POSE_INT32:
    case POSE_FLOAT32:
        return 4u;
    case POSE_INT64:
        return 8u;
    default:
        return 0u;
    }
}

enum pose_storage {
    POSE_IN_ARENA = 0, /* offset: from the arena's first byte */
    POSE_IN_IMAGE = 1, /* offset: from the image's first byte (constant) */
    POSE_IN_SLOT = 2   /* offset: 0; the network's input, lives in an input slot outside the arena */
};

/* clang-format off */
enum pose_family {
    POSE_FAMILY_NONE = 0,
    POSE_FAMILY_HEATMAP = 1,         /* [1, H, W, K] */
    POSE_FAMILY_SINGLE_POSE = 2,     /* [1, 1, K, 3] or [1, K, 3]: y, x, score */
    POSE_FAMILY_YOLO = 3,            /* [1, 4 + C + K V, N] or transposed */
    POSE_FAMILY_HEATMAP_OFFSETS = 4, /* [1, H, W, K], [1, H, W, 2 K] */
    POSE_FAMILY_SINGLE_POSE_XY = 5,  /* x, y, score */
    POSE_FAMILY_SIMCC = 6,           /* [1, K, columns], [1, K, rows] */
    POSE_FAMILY_LANDMARKS = 7,       /* K V values, perhaps [1, 1] presence */
    POSE_FAMILY_MULTIPOSE = 8,       /* [1, N, 3 K + 5] */
    POSE_FAMILY_YOLO_END_TO_END = 9, /* [1, N, 6 + K V] */
    POSE_FAMILY_COUNT
};
/* clang-format on */

#define POSE_NO_OUTPUT 0xFFu

/* pose_decoding.flags */
enum { POSE_ROWS_FIRST = 1, POSE_PIXELS = 2, POSE_SIGMOID = 4, POSE_DECODING_FLAGS = 7 };

/* How outputs become keypoints (NETWORK_IMAGE.md, "Decoding"); all 0 for family NONE. */
struct pose_decoding {
    uint8_t family; /* enum pose_family */
    uint8_t values; /* per keypoint: 2, 3, 5 */
    uint16_t keypoints;
    uint8_t classes; /* of persons, at least 1 */
    uint8_t flags;
    uint8_t step;       /* pixels of the input per cell */
    uint8_t outputs[2]; /* which are decoded; the second may be POSE_NO_OUTPUT */
    uint8_t reserved;   /* 0 */
    uint16_t max_persons;
    uint16_t input_height, input_width;
    float score, nms_iou; /* thresholds */
};
_Static_assert(sizeof(struct pose_decoding) == 24, "decoding");

/* Whether every field is one that decoders can take (postproc/decoding.c). */
bool pose_decoding_ok(const struct pose_decoding *decoding);

struct pose_image_header {
    uint32_t magic;
    uint16_t version;
    uint16_t header_bytes;   /* sizeof(struct pose_image_header) */
    uint32_t image_bytes;    /* whole image, multiple of 16 */
    uint32_t crc32;          /* CRC-32 (ISO-HDLC) of the whole image with this field read as 0 */
    uint8_t model_sha256[32];/* of the .tflite file */
    char name[64];           /* UTF-8, NUL padded, at most 63 bytes */
    uint64_t macc;           /* multiply-accumulates per inference, as published (NETWORK_IMAGE.md says how counted) */
    uint32_t arena_bytes;    /* activations and scratch, without the input slot */
    uint32_t tensor_count, tensors_off;   /* struct pose_image_tensor[] */
    uint32_t op_count, ops_off;           /* struct pose_image_op[], in execution order */
    uint32_t operand_count, operands_off; /* uint16_t tensor indices */
    uint32_t params_off, params_bytes;    /* parameter blocks of the operators, each 8-byte aligned */
    uint32_t consts_off, consts_bytes;    /* weights, biases, tables; each 16-byte aligned */
    uint16_t input_tensor;   /* index of the one network input */
    uint16_t output_count;   /* 1..8 */
    uint16_t output_tensors[8];
    struct pose_decoding decoding;
};
_Static_assert(sizeof(struct pose_image_header) == 208, "image header");

struct pose_image_tensor {
    uint8_t dtype, rank, storage;
    uint8_t rows_held; /* 0: all of it; n: the arena holds n rows (dimension 1) of it at a time, and only a stream knows which */
    uint32_t offset, bytes;
    uint32_t dims[POSE_IMAGE_MAX_RANK];  /* unused: 1 */
    float scale;                         /* 0: not quantised (or per channel, then only the kernel's parameters know) */
    int32_t zero_point;
    uint32_t source;                     /* tensor index in the .tflite */
};
_Static_assert(sizeof(struct pose_image_tensor) == 48, "image tensor");

/* Operator flag: output 0 starts at the arena offset of input 0, which nothing reads afterwards. */
#define POSE_OP_IN_PLACE 1u
/* Operator flag: runs together with the next one, some rows at a time (NETWORK_IMAGE.md, "Streams"). */
#define POSE_OP_STREAMED 2u

struct pose_image_op {
    uint16_t opcode;   /* TFLite builtin operator code (schema.fbs) */
    uint16_t source;   /* operator index in the .tflite */
    uint16_t input_count, output_count;
    uint16_t flags;        /* POSE_OP_... */
    uint16_t params_bytes; /* from params_off on */
    uint32_t operands;     /* first operand in the operand table: inputs, then outputs */
    uint32_t params_off;
    uint32_t scratch_off, scratch_bytes; /* in the arena */
    uint32_t macs;
};
_Static_assert(sizeof(struct pose_image_op) == 32, "image operator");

#endif
