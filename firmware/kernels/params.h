/* Parameter blocks of the operators, as the network image holds them. Their Python twins stand beside the rules in
 * pytest_stm32pose/network/ops; tests/firmware/test_kernel_params.py compares both. Little endian, no padding.
 * Shapes are not repeated here: kernels take them from the operands' descriptors. */
#ifndef POSE_KERNELS_PARAMS_H
#define POSE_KERNELS_PARAMS_H

#include <stdint.h>

/* CONV_2D and DEPTHWISE_CONV_2D, int8.
 * `rows` is the number of output channels rounded up to a multiple of POSE_CONV_ROW_GROUP; the surplus is zero.
 * CONV_2D: int8 weights[rows][weight_stride], a row being kernel_h x kernel_w x in_c values (of a group's channels, where
 *   there are groups), zeros up to weight_stride (a multiple of 4).
 * DEPTHWISE_CONV_2D: int8 weights[kernel_h * kernel_w][out_c], weight_stride = out_c.
 * int32 bias[rows]: the network's bias - in_zero_point * sum of the channel's weights, so that kernels sum plain
 *   products of stored values and read in_zero_point where the window leaves the picture.
 * int32 multipliers[rows], int8 shifts[rows]: effective scale = multiplier / 2^31 * 2^shift.
 * tile_rows: all rows, or a multiple of POSE_CONV_TILE_GROUP. How kernels walk the weights, never what they compute. */
struct pose_conv_params {
    uint32_t weights_off, weight_stride;
    uint32_t bias_off, multipliers_off, shifts_off; /* from the image's first byte */
    uint16_t kernel_h, kernel_w;
    uint16_t stride_h, stride_w;
    uint16_t dilation_h, dilation_w;
    uint16_t pad_top, pad_left;
    uint16_t depth_multiplier; /* CONV_2D: 0, or groups of channels, 2 or more */
    uint16_t flags;            /* POSE_CONV_RIGHT_SHIFTS */
    int8_t in_zero_point, out_zero_point, act_min, act_max;
    uint16_t tile_rows;    /* CONV_2D of all channels: rows of weights that are copied to scratch together; otherwise 0 */
    uint16_t block_pixels; /* CONV_2D of all channels: windows that are gathered together, even; otherwise 0 */
};
_Static_assert(sizeof(struct pose_conv_params) == 48, "convolution parameters");

#define POSE_CONV_ROW_GROUP 4u
#define POSE_CONV_TILE_GROUP 8u
#define POSE_CONV_MAX_BLOCK_PIXELS 144u
#define POSE_CONV_MAX_TAPS 65536u /* products a sum may have: keeps it within 2^30 */
#define POSE_DEPTHWISE_MAX_WINDOW 128u /* positions of a depthwise window: addresses of its pixels are on the stack */
/* Every channel's shift is -1 or less. */
#define POSE_CONV_RIGHT_SHIFTS 1u

/* ADD, int8: out = requant(requant((a - a_zero_point) << left_shift) + requant((b - b_zero_point) << left_shift)). */
struct pose_add_params {
    int32_t a_multiplier, b_multiplier, out_multiplier;
    int8_t a_shift, b_shift, out_shift, left_shift;
    int8_t a_zero_point, b_zero_point, out_zero_point, act_min, act_max;
    uint8_t reserved[7];
};
_Static_assert(sizeof(struct pose_add_params) == 28, "ADD parameters");

/* PAD and PADV2, 8-bit: bytes set before each dimension; what comes after follows from the shapes. */
struct pose_pad_params {
    uint16_t before[6];
    uint8_t value;
    uint8_t reserved[3];
};
_Static_assert(sizeof(struct pose_pad_params) == 16, "PAD parameters");

/* RESIZE_BILINEAR, int8. */
struct pose_resize_params {
    uint8_t align_corners, half_pixel_centers;
    uint8_t reserved[2];
};
_Static_assert(sizeof(struct pose_resize_params) == 4, "RESIZE_BILINEAR parameters");

/* Operators on 8-bit values that are one look-up each (LOGISTIC, QUANTIZE of integers): 256 result bytes, indexed by
 * the stored input byte read as unsigned. */
struct pose_table_params {
    uint32_t table_off;
};
_Static_assert(sizeof(struct pose_table_params) == 4, "table parameters");

/* QUANTIZE of float32 and DEQUANTIZE: real = scale * (stored - zero_point). QUANTIZE uses table_off instead when its
 * input is an integer. */
struct pose_affine_params {
    float scale;
    int32_t zero_point;
    uint32_t table_off;
};
_Static_assert(sizeof(struct pose_affine_params) == 12, "QUANTIZE and DEQUANTIZE parameters");

/* SUB, int8: struct pose_add_params; the term of b is subtracted as the reference does it, by scaling with
 * -b_multiplier. */

/* ADD, SUB and MUL of float32 or int32: the range of the fused activation in the operator's type. */
struct pose_range_params {
    float float_min, float_max;
    int32_t int_min, int_max;
};
_Static_assert(sizeof(struct pose_range_params) == 16, "range parameters");

/* MUL, int8: out = requant((a - a_zero_point) * (b - b_zero_point)) + out_zero_point. */
struct pose_mul_params {
    int32_t multiplier;
    int8_t shift; /* at most POSE_MUL_MAX_SHIFT: a product has 17 bits with its sign */
    int8_t a_zero_point, b_zero_point, out_zero_point, act_min, act_max;
    uint8_t reserved[2];
};
_Static_assert(sizeof(struct pose_mul_params) == 12, "MUL parameters");

#define POSE_MUL_MAX_SHIFT 14u

/* TRANSPOSE, SLICE, STRIDED_SLICE, TILE, BROADCAST_TO, FILL, REVERSE_V2, DEPTH_TO_SPACE, SPACE_TO_DEPTH: output elements in order; the one at (i0 .. i5) is the input's element
 * start + sum of ik * steps[k]. The sizes multiply to the output's elements; unused dimensions come first and are 1. */
struct pose_walk_params {
    uint32_t sizes[6];
    int32_t steps[6];
    uint32_t start;
};
_Static_assert(sizeof(struct pose_walk_params) == 52, "walk parameters");

/* CONCATENATION, SPLIT and SPLIT_V along `axis`. tables_off: for uint8 CONCATENATION of differently quantised inputs, 256 result
 * bytes for each input; otherwise 0. */
struct pose_axis_params {
    uint32_t axis;
    uint32_t tables_off;
};
_Static_assert(sizeof(struct pose_axis_params) == 8, "axis parameters");

/* GATHER: the dimension that indices select from; how many dimensions input and indices have in common. */
struct pose_gather_params {
    uint32_t axis, batch_dims;
};
_Static_assert(sizeof(struct pose_gather_params) == 8, "GATHER parameters");

/* MIRROR_PAD: elements before each dimension; what comes after follows from the shapes. */
struct pose_mirror_params {
    uint16_t before[6];
    uint8_t symmetric; /* 1: the edge is mirrored too */
    uint8_t reserved[3];
};
_Static_assert(sizeof(struct pose_mirror_params) == 16, "MIRROR_PAD parameters");

/* MAX_POOL_2D and AVERAGE_POOL_2D, int8. */
struct pose_pool_params {
    uint16_t kernel_h, kernel_w;
    uint16_t stride_h, stride_w;
    uint16_t pad_top, pad_left;
    int8_t act_min, act_max;
    uint8_t reserved[2];
};
_Static_assert(sizeof(struct pose_pool_params) == 16, "pooling parameters");

#define POSE_POOL_MAX_WINDOW 65536u /* positions of a window: keeps sums within 2^23 */

/* RESIZE_NEAREST_NEIGHBOR: uint16 input row of every output row, uint16 input column of every output column. */
struct pose_nearest_params {
    uint32_t rows_off, columns_off;
};
_Static_assert(sizeof(struct pose_nearest_params) == 8, "RESIZE_NEAREST_NEIGHBOR parameters");

/* SOFTMAX, int8, along the last dimension: int32 exps[256], exps[d] = exp of d stored steps below the maximum, as a
 * fraction of 2^31; exps[0] is INT32_MAX, none is negative. */
struct pose_softmax_params {
    uint32_t exps_off;
};
_Static_assert(sizeof(struct pose_softmax_params) == 4, "SOFTMAX parameters");

#define POSE_SOFTMAX_MAX_DEPTH 511u /* beyond, the reference shifts by more than 31 */

/* L2_NORMALIZATION along the last dimension; the zero point is of int8. */
struct pose_norm_params {
    int32_t in_zero_point;
};
_Static_assert(sizeof(struct pose_norm_params) == 4, "L2_NORMALIZATION parameters");

#define POSE_NORM_MAX_DEPTH 32768u /* a sum of so many squares fits 31 bits */

/* SQUARED_DIFFERENCE, int8: out = requant(d * d), d = requant((a - a_zero_point) << left_shift) - the same of b. */
struct pose_difference_params {
    int32_t a_multiplier, b_multiplier, out_multiplier;
    int8_t a_shift, b_shift, out_shift, left_shift;
    int8_t a_zero_point, b_zero_point, out_zero_point;
    uint8_t reserved[1];
};
_Static_assert(sizeof(struct pose_difference_params) == 20, "SQUARED_DIFFERENCE parameters");

/* ARG_MAX, PACK, UNPACK: the dimension that is searched, made or taken away. */
struct pose_dimension_params {
    uint32_t axis;
};
_Static_assert(sizeof(struct pose_dimension_params) == 4, "dimension parameters");

/* FULLY_CONNECTED, int8: weights, bias, multipliers and shifts as those of a 1x1 CONV_2D (struct pose_conv_params). */
struct pose_dense_params {
    uint32_t weights_off, weight_stride;
    uint32_t bias_off, multipliers_off, shifts_off; /* from the image's first byte */
    int8_t out_zero_point, act_min, act_max;
    uint8_t reserved[1];
};
_Static_assert(sizeof(struct pose_dense_params) == 24, "FULLY_CONNECTED parameters");

/* FULLY_CONNECTED, int8, of weights that are an operand too: out = requant(bias + sum of (in - in_zero_point) *
 * (weights - weights_zero_point)), rounded once. int32 bias[outputs]. */
struct pose_product_params {
    uint32_t bias_off;
    int32_t multiplier;
    int8_t shift, in_zero_point, weights_zero_point, out_zero_point, act_min, act_max;
    uint8_t reserved[2];
};
_Static_assert(sizeof(struct pose_product_params) == 16, "FULLY_CONNECTED parameters of computed weights");

/* BATCH_MATMUL, int8: sizes of the product, and from each of its dimensions (three outer ones; rows and depth, or depth
 * and columns) to the next element of each side. A broadcast dimension steps by 0. */
struct pose_matmul_params {
    uint32_t outer[3];
    uint32_t rows, depth, columns;
    uint32_t a_steps[5], b_steps[5];
    int32_t multiplier;
    int8_t shift, a_zero_point, b_zero_point, out_zero_point;
};
_Static_assert(sizeof(struct pose_matmul_params) == 72, "BATCH_MATMUL parameters");

#define POSE_MATMUL_MAX_DEPTH 32768u /* products a sum may have: each is below 2^16 */

/* MEAN, SUM, REDUCE_MAX and REDUCE_MIN over the dimensions whose bits are set in `reduced`. MEAN of int8: the sum of n
 * stored values, less n * in_zero_point, is requantised (1/n is part of the multiplier). */
struct pose_reduction_params {
    int32_t multiplier;
    int8_t shift, in_zero_point, out_zero_point;
    uint8_t reduced;
};
_Static_assert(sizeof(struct pose_reduction_params) == 8, "reduction parameters");

#define POSE_REDUCTION_MAX_ELEMENTS 4194304u /* a sum of so many fits 31 bits */

/* PRELU, int8: requant(in) where in is not negative, requant(in * alpha) where it is. */
struct pose_prelu_params {
    int32_t multiplier, alpha_multiplier;
    int8_t shift, alpha_shift;
    int8_t in_zero_point, alpha_zero_point, out_zero_point;
    uint8_t reserved[3];
};
_Static_assert(sizeof(struct pose_prelu_params) == 16, "PRELU parameters");

#endif
