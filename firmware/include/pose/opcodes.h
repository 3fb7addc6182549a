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
    X(DEPTH_TO_SPACE, depth_to_space, 5)                    \
    X(DEQUANTIZE, dequantize, 6)                            \
    X(FLOOR, floor, 8)                                      \
    X(FULLY_CONNECTED, fully_connected, 9)                  \
    X(L2_NORMALIZATION, l2_normalization, 11)               \
    X(LOGISTIC, logistic, 14)                               \
    X(MAX_POOL_2D, max_pool_2d, 17)                         \
    X(MUL, mul, 18)                                         \
    X(RELU, relu, 19)                                       \
    X(RELU_N1_TO_1, relu_n1_to_1, 20)                       \
    X(RELU6, relu6, 21)                                     \
    X(RESHAPE, reshape, 22)                                 \
    X(RESIZE_BILINEAR, resize_bilinear, 23)                 \
    X(SOFTMAX, softmax, 25)                                 \
    X(SPACE_TO_DEPTH, space_to_depth, 26)                   \
    X(TANH, tanh, 28)                                       \
    X(PAD, pad, 34)                                         \
    X(GATHER, gather, 36)                                   \
    X(TRANSPOSE, transpose, 39)                             \
    X(MEAN, mean, 40)                                       \
    X(SUB, sub, 41)                                         \
    X(DIV, div, 42)                                         \
    X(SQUEEZE, squeeze, 43)                                 \
    X(STRIDED_SLICE, strided_slice, 45)                     \
    X(EXP, exp, 47)                                         \
    X(TOPK_V2, topk_v2, 48)                                 \
    X(SPLIT, split, 49)                                     \
    X(CAST, cast, 53)                                       \
    X(PRELU, prelu, 54)                                     \
    X(MAXIMUM, maximum, 55)                                 \
    X(ARG_MAX, arg_max, 56)                                 \
    X(MINIMUM, minimum, 57)                                 \
    X(LESS, less, 58)                                       \
    X(NEG, neg, 59)                                         \
    X(PADV2, padv2, 60)                                     \
    X(GREATER, greater, 61)                                 \
    X(GREATER_EQUAL, greater_equal, 62)                     \
    X(LESS_EQUAL, less_equal, 63)                           \
    X(SLICE, slice, 65)                                     \
    X(TRANSPOSE_CONV, transpose_conv, 67)                   \
    X(TILE, tile, 69)                                       \
    X(EXPAND_DIMS, expand_dims, 70)                         \
    X(EQUAL, equal, 71)                                     \
    X(NOT_EQUAL, not_equal, 72)                             \
    X(LOG, log, 73)                                         \
    X(SUM, sum, 74)                                         \
    X(SQRT, sqrt, 75)                                       \
    X(RSQRT, rsqrt, 76)                                     \
    X(REDUCE_MAX, reduce_max, 82)                           \
    X(PACK, pack, 83)                                       \
    X(UNPACK, unpack, 88)                                   \
    X(REDUCE_MIN, reduce_min, 89)                           \
    X(FLOOR_DIV, floor_div, 90)                             \
    X(SQUARE, square, 92)                                   \
    X(FILL, fill, 94)                                       \
    X(FLOOR_MOD, floor_mod, 95)                             \
    X(RESIZE_NEAREST_NEIGHBOR, resize_nearest_neighbor, 97) \
    X(LEAKY_RELU, leaky_relu, 98)                           \
    X(SQUARED_DIFFERENCE, squared_difference, 99)           \
    X(MIRROR_PAD, mirror_pad, 100)                          \
    X(ABS, abs, 101)                                        \
    X(SPLIT_V, split_v, 102)                                \
    X(REVERSE_V2, reverse_v2, 105)                          \
    X(GATHER_ND, gather_nd, 107)                            \
    X(QUANTIZE, quantize, 114)                              \
    X(HARD_SWISH, hard_swish, 117)                          \
    X(SELECT_V2, select_v2, 123)                            \
    X(BATCH_MATMUL, batch_matmul, 126)                      \
    X(BROADCAST_TO, broadcast_to, 130)                      \
    X(GELU, gelu, 150)                                      \
    X(RELU_0_TO_1, relu_0_to_1, 152)

enum pose_opcode {
#define POSE_OPCODE_ENTRY(name, lower, number) POSE_OPCODE_##name = (number),
    POSE_OPCODES(POSE_OPCODE_ENTRY)
#undef POSE_OPCODE_ENTRY
};

#endif
