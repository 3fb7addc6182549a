"""Random networks of operators that the zoo's networks do not use, but a user's next network may."""

from __future__ import annotations

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tests.firmware.case_tools import (
    Case,
    Draw,
    draw_activation,
    draw_scale,
    draw_size,
    draw_values,
    draw_zero_point,
    make_case,
)
from tests.firmware.tail_cases import binary, draw_broadcast, draw_floats, draw_shape
from tests.support.tflite_builder import PADDING_SAME, OpSpec, TensorSpec

EVERY = np.arange(-128, 128, dtype=np.int8).reshape(1, 2, 128)


def _table_case(draw: Draw, name: str, out_scale: float, in_scale: float, options: dict[str, float] | None) -> Case:
    """All 256 input values of an operator that is one look-up."""
    tensors = [
        TensorSpec("x", "int8", EVERY.shape, [in_scale], [draw_zero_point(draw)]),
        TensorSpec("y", "int8", EVERY.shape, [out_scale], [draw_zero_point(draw)]),
    ]
    return make_case(tensors, OpSpec(name, (0,), (1,), options or {}, 1), EVERY)


@st.composite
def hard_swish(draw: Draw) -> Case:
    in_scale = draw_scale(draw, 1e-3, 0.3)
    return _table_case(draw, "HARD_SWISH", in_scale * draw_scale(draw, 2.0**-6, 4.0), in_scale, None)


@st.composite
def leaky_relu(draw: Draw) -> Case:
    in_scale = draw_scale(draw, 1e-3, 1.0)
    alpha = draw(st.sampled_from([0.0, 0.1, 0.2, 0.01, 0.5, 1.0, 1.5]))
    return _table_case(draw, "LEAKY_RELU", in_scale * draw_scale(draw, 0.1, 8.0), in_scale, {"alpha": alpha})


@st.composite
def prelu(draw: Draw) -> Case:
    shape = draw_shape(draw, 1, 4)
    kept = draw_size(draw, 0, len(shape))
    alpha_shape = tuple(size if draw(st.integers(0, 3)) else 1 for size in shape[len(shape) - kept :])
    in_scale = draw_scale(draw, 1e-3, 1.0)
    tensors = [
        TensorSpec("x", "int8", shape, [in_scale], [draw_zero_point(draw)]),
        TensorSpec("alpha", "int8", alpha_shape, [draw_scale(draw, 1e-3, 0.1)], [draw_zero_point(draw)],
                   data=draw_values(draw, alpha_shape)),
        TensorSpec("y", "int8", shape, [in_scale * draw_scale(draw, 0.1, 8.0)], [draw_zero_point(draw)]),
    ]  # fmt: skip
    return make_case(tensors, OpSpec("PRELU", (0, 1), (2,), None, 1), draw_values(draw, shape))


def _extremum(draw: Draw, name: str) -> Case:
    shapes, _ = draw_broadcast(draw)
    dtype = draw(st.sampled_from(["int8", "int32", "float32"]))
    if dtype == "float32":
        left, right = (draw_floats(draw, shape) for shape in shapes)
        return binary(draw, name, left, right, {})
    a, b = (draw_values(draw, shape, dtype) for shape in shapes)
    if dtype == "int32":
        return binary(draw, name, a, b, {})
    scale, zero = [draw_scale(draw)], [draw_zero_point(draw)]
    constant = bool(draw(st.booleans()))
    tensors = [
        TensorSpec("a", dtype, a.shape, scale, zero),
        TensorSpec("b", dtype, b.shape, scale, zero, data=b if constant else None),
        TensorSpec("y", dtype, np.broadcast_shapes(a.shape, b.shape), scale, zero),
    ]
    return make_case(tensors, OpSpec(name, (0, 1), (2,), {}, 2), a, *([] if constant else [b]))


@st.composite
def maximum(draw: Draw) -> Case:
    return _extremum(draw, "MAXIMUM")


@st.composite
def minimum(draw: Draw) -> Case:
    return _extremum(draw, "MINIMUM")


def _weights(draw: Draw, shape: tuple[int, ...], in_scale: float) -> tuple[TensorSpec, TensorSpec]:
    """Filter and bias along dimension 0, with scales per channel or per tensor."""
    count = shape[0] if draw(st.booleans()) else 1
    scales = [draw_scale(draw, 1e-3, 0.2) for _ in range(count)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    limit = 10 ** draw_size(draw, 0, 5)
    bias = rng.integers(-limit, limit + 1, shape[:1]).astype(np.int32)
    bias_scales = [float(np.float32(in_scale) * np.float32(scale)) for scale in scales]
    return (
        TensorSpec("w", "int8", shape, scales, [0] * count, data=draw_values(draw, shape, low=-127, centre=0)),
        TensorSpec("b", "int32", shape[:1], bias_scales, [0] * count, data=bias),
    )


@st.composite
def fully_connected(draw: Draw) -> Case:
    values, channels = draw_size(draw, 1, 40), draw_size(draw, 1, 11)
    outer = draw_shape(draw, 1, 2)
    keep = bool(draw(st.booleans()))
    in_scale = draw_scale(draw, 1e-3, 0.5)
    weights, bias = _weights(draw, (channels, values), in_scale)
    out_shape = (*outer, channels) if keep else (int(np.prod(outer)), channels)
    out_scale = in_scale * max(weights.scale) * draw_scale(draw, 1.0, 500.0)
    tensors = [
        TensorSpec("x", "int8", (*outer, values), [in_scale], [draw_zero_point(draw)]),
        weights,
        bias,
        TensorSpec("y", "int8", out_shape, [out_scale], [draw_zero_point(draw)]),
    ]
    options = {"keep_num_dims": keep, "fused_activation_function": draw_activation(draw)}
    operands = (0, 1, 2) if draw(st.booleans()) else (0, 1, -1)
    return make_case(
        tensors, OpSpec("FULLY_CONNECTED", operands, (3,), options, 5), draw_values(draw, (*outer, values))
    )


@st.composite
def product_of_computed(draw: Draw) -> Case:
    """FULLY_CONNECTED whose weights are activations, with a zero point of their own."""
    values, channels, outer = draw_size(draw, 1, 40), draw_size(draw, 1, 11), draw_shape(draw, 1, 2)
    keep = bool(draw(st.booleans()))
    scales = draw_scale(draw, 1e-3, 0.5), draw_scale(draw, 1e-3, 0.5)
    zeros = draw_zero_point(draw), draw_zero_point(draw)
    product = float(np.float32(scales[0]) * np.float32(scales[1]))
    limit = 10 ** draw_size(draw, 0, 5)
    bias = np.random.default_rng(draw_size(draw, 0, 1000)).integers(-limit, limit + 1, channels).astype(np.int32)
    out_shape = (*outer, channels) if keep else (int(np.prod(outer)), channels)
    tensors = [
        TensorSpec("x", "int8", (*outer, values), [scales[0]], [zeros[0]]),
        TensorSpec("w", "int8", (channels, values), [scales[1]], [zeros[1]]),
        TensorSpec("b", "int32", (channels,), [product], [0], data=bias),
        TensorSpec("y", "int8", out_shape, [product * draw_scale(draw, 1.0, 5000.0)], [draw_zero_point(draw)]),
    ]
    options = {"keep_num_dims": keep, "fused_activation_function": draw_activation(draw)}
    operands = (0, 1, 2) if draw(st.booleans()) else (0, 1, -1)
    x = draw_values(draw, (*outer, values), centre=zeros[0])
    w = draw_values(draw, (channels, values), centre=zeros[1])
    return make_case(tensors, OpSpec("FULLY_CONNECTED", operands, (3,), options, 4), x, w)


@st.composite
def batch_matmul(draw: Draw) -> Case:
    rows, depth, columns = draw_size(draw, 1, 9), draw_size(draw, 1, 40), draw_size(draw, 1, 9)
    outers, _ = draw_broadcast(draw)
    options = {"adj_x": bool(draw(st.booleans())), "adj_y": bool(draw(st.booleans()))}
    a_shape = (*outers[0][-3:], *((depth, rows) if options["adj_x"] else (rows, depth)))
    b_shape = (*outers[1][-3:], *((columns, depth) if options["adj_y"] else (depth, columns)))
    out_shape = (*np.broadcast_shapes(a_shape[:-2], b_shape[:-2]), rows, columns)
    scales = draw_scale(draw, 1e-3, 0.5), draw_scale(draw, 1e-3, 0.5)
    zeros = draw_zero_point(draw), draw_zero_point(draw)
    constant = bool(draw(st.booleans()))
    a, b = draw_values(draw, a_shape, centre=zeros[0]), draw_values(draw, b_shape, centre=zeros[1])
    tensors = [
        TensorSpec("a", "int8", a_shape, [scales[0]], [zeros[0]]),
        TensorSpec("b", "int8", b_shape, [scales[1]], [zeros[1]], data=b if constant else None),
        TensorSpec("y", "int8", out_shape, [scales[0] * scales[1] * draw_scale(draw, 1.0, 5000.0)],
                   [draw_zero_point(draw)]),
    ]  # fmt: skip
    return make_case(tensors, OpSpec("BATCH_MATMUL", (0, 1), (2,), options, 2), a, *([] if constant else [b]))


@st.composite
def transpose_conv(draw: Draw) -> Case:
    padding = draw_size(draw, 0, 1)
    batches, in_channels, channels = draw_size(draw, 1, 2), draw_size(draw, 1, 9), draw_size(draw, 1, 7)
    options, sizes, outs, kernels = {"padding": padding}, [], [], []
    for axis in "hw":
        stride, kernel, out = draw_size(draw, 1, 3), draw_size(draw, 1, 5), draw_size(draw, 1, 13)
        size = -(-out // stride) if padding == PADDING_SAME else (out + stride - kernel) // stride
        assume(size >= 1)
        options[f"stride_{axis}"] = stride
        sizes.append(size)
        outs.append(out)
        kernels.append(kernel)
    in_scale = draw_scale(draw, 1e-3, 0.5)
    weights, bias = _weights(draw, (channels, *kernels, in_channels), in_scale)
    has_bias = bool(draw(st.booleans()))
    if has_bias:
        options["fused_activation_function"] = draw_activation(draw)
    shape, out_shape = (batches, *sizes, in_channels), (batches, *outs, channels)
    tensors = [
        TensorSpec("shape", "int32", (4,), data=np.array(out_shape, np.int32)),
        weights,
        TensorSpec("x", "int8", shape, [in_scale], [draw_zero_point(draw)]),
        bias,
        TensorSpec("y", "int8", out_shape, [in_scale * max(weights.scale) * draw_scale(draw, 1.0, 500.0)],
                   [draw_zero_point(draw)]),
    ]  # fmt: skip
    op = OpSpec("TRANSPOSE_CONV", (0, 1, 2, 3) if has_bias else (0, 1, 2), (4,), options, 4 if has_bias else 2)
    return make_case(tensors, op, draw_values(draw, shape))


#: Operator name -> strategy of its cases.
NEIGHBOUR_CASES: dict[str, st.SearchStrategy[Case]] = {
    "BATCH_MATMUL": batch_matmul(),
    "FULLY_CONNECTED": st.one_of(fully_connected(), product_of_computed()),
    "HARD_SWISH": hard_swish(),
    "LEAKY_RELU": leaky_relu(),
    "MAXIMUM": maximum(),
    "MINIMUM": minimum(),
    "PRELU": prelu(),
    "TRANSPOSE_CONV": transpose_conv(),
}
