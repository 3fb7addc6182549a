/* Operators that a pose network may have: TFLite's name and number (schema.fbs, BuiltinOperator), the one place in the firmware
 * where either stands. Not all of them have a kernel; a vendor's runtime may have more of them than ours. */
#ifndef POSE_OPCODES_H
#define POSE_OPCODES_H

/* X(name, name in lower case, number) for each. */
#define POSE_OPCODES(X)                                     \
    X(ADD, add, 0)                                          \
    X(AVERAGE_POOL_2D, average_pool_2d, 1)                  \
    X(CONCATENATION, concatenation, 2)                      \
    X(CONV_2D, conv_2d, 3)                                  \
    X(DEPTHWISE_CONV_2D, depthwise_conv_2d, 4)              \
    X(DEQUANTIZE, dequantize, 6)                            \
    X(FULLY_CONNECTED, fully_connected, 9)                  \
    X(LOGISTIC, logistic, 14)                               \
    X(MAX_POOL_2D, max_pool_2d, 17)                         \
    X(MUL, mul, 18)                                         \
    X(RELU, relu, 19)                                       \
    X(RELU6, relu6, 21)                                     \
    X(RESHAPE, reshape, 22)                                 \
    X(RESIZE_BILINEAR, resize_bilinear, 23)                 \
    X(SOFTMAX, softmax, 25)                                 \
    X(TANH, tanh, 28)                                       \
    X(PAD, pad, 34)                                         \
    X(GATHER, gather, 36)                                   \
    X(TRANSPOSE, transpose, 39)                             \
    X(MEAN, mean, 40)                                       \
    X(SUB, sub, 41)                                         \
    X(DIV, div, 42)                                         \
    X(SQUEEZE, squeeze, 43)                                 \
    X(STRIDED_SLICE, strided_slice, 45)                     \
    X(SPLIT, split, 49)                                     \
    X(CAST, cast, 53)                                       \
    X(PRELU, prelu, 54)                                     \
    X(MAXIMUM, maximum, 55)                                 \
    X(ARG_MAX, arg_max, 56)                                 \
    X(MINIMUM, minimum, 57)                                 \
    X(PADV2, padv2, 60)                                     \
    X(SLICE, slice, 65)                                     \
    X(TRANSPOSE_CONV, transpose_conv, 67)                   \
    X(EXPAND_DIMS, expand_dims, 70)                         \
    X(SQRT, sqrt, 75)                                       \
    X(RSQRT, rsqrt, 76)                                     \
    X(PACK, pack, 83)                                       \
    X(UNPACK, unpack, 88)                                   \
    X(FLOOR_DIV, floor_div, 90)                             \
    X(RESIZE_NEAREST_NEIGHBOR, resize_nearest_neighbor, 97) \
    X(LEAKY_RELU, leaky_relu, 98)                           \
    X(SQUARED_DIFFERENCE, squared_difference, 99)           \
    X(GATHER_ND, gather_nd, 107)                            \
    X(QUANTIZE, quantize, 114)                              \
    X(HARD_SWISH, hard_swish, 117)                          \
    X(BATCH_MATMUL, batch_matmul, 126)

enum pose_opcode {
#define POSE_OPCODE_ENTRY(name, lower, number) POSE_OPCODE_##name = (number),
    POSE_OPCODES(POSE_OPCODE_ENTRY)
#undef POSE_OPCODE_ENTRY
};

#endif
