"""Random networks of one operator: sums, products, pooling, softmax; part of operator_cases.CASES."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray

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
from tests.support.tflite_builder import PADDING_SAME, OpSpec, TensorSpec


def broadcast_shapes(draw: Draw) -> tuple[list[int], list[int]]:
    """Shapes that broadcast; equal ones often, those of many elements too."""
    if draw(st.booleans()):
        shape = [draw_size(draw, 1, 40), draw_size(draw, 1, 5)]
        return shape, shape
    out = [draw_size(draw, 1, 5) for _ in range(draw_size(draw, 1, 4))]
    first, second = (
        [size if draw(st.integers(0, 3)) else 1 for size in out[-draw_size(draw, 1, len(out)) :]] for _ in range(2)
    )
    return first, second


def _scales(draw: Draw, product: bool) -> list[float]:
    """Of both inputs and the output, so that outputs are neither all alike nor all saturated."""
    scales = [draw_scale(draw, 1e-3, 1.0) for _ in range(2)]
    base = scales[0] * scales[1] if product else max(scales)
    return [*scales, float(np.float32(base * draw_scale(draw, 0.05, 1000.0 if product else 100.0)))]


def _number_values(draw: Draw, shape: list[int], dtype: str) -> NDArray[Any]:
    """Small numbers, where integers do not overflow; zeros and ties of float32 among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if dtype == "int32":
        return rng.integers(-30000, 30001, shape).astype(np.int32)
    return np.asarray(rng.integers(-40, 41, shape) * rng.choice([0.1, 1.0, 1e-20, 1e30], shape), np.float32)


def elementwise(draw: Draw, name: str) -> Case:
    dtype = draw(st.sampled_from(["int8", "int8", "int8", "int32", "float32"]))
    first, second = broadcast_shapes(draw)
    out = np.broadcast_shapes(first, second)
    constant = bool(draw(st.booleans()))
    scales: list[list[float]] = [[], [], []]
    zeros: list[list[int]] = [[], [], []]
    if dtype == "int8":
        scales = [[scale] for scale in _scales(draw, name == "MUL")]
        zeros = [[draw_zero_point(draw)] for _ in range(3)]
        values = [draw_values(draw, shape) for shape in (first, second)]
    else:
        values = [_number_values(draw, shape, dtype) for shape in (first, second)]
    tensors = [
        TensorSpec("a", dtype, tuple(first), scales[0], zeros[0]),
        TensorSpec("b", dtype, tuple(second), scales[1], zeros[1], data=values[1] if constant else None),
        TensorSpec("y", dtype, out, scales[2], zeros[2]),
    ]
    op = OpSpec(name, (0, 1), (2,), {"fused_activation_function": draw_activation(draw)}, 2)
    return make_case(tensors, op, values[0], *([] if constant else values[1:]))


@st.composite
def add(draw: Draw) -> Case:
    return elementwise(draw, "ADD")


@st.composite
def sub(draw: Draw) -> Case:
    return elementwise(draw, "SUB")


@st.composite
def mul(draw: Draw) -> Case:
    return elementwise(draw, "MUL")


def pooling(draw: Draw, name: str) -> Case:
    padding = draw_size(draw, 0, 1)
    sizes, outputs, options = [], [], {"padding": padding, "fused_activation_function": draw_activation(draw)}
    for axis, side in (("h", "height"), ("w", "width")):
        size, kernel, stride = draw_size(draw, 1, 11), draw_size(draw, 1, 5), draw_size(draw, 1, 3)
        out = -(-size // stride) if padding == PADDING_SAME else (size - kernel) // stride + 1
        assume(out >= 1)
        options |= {f"stride_{axis}": stride, f"filter_{side}": kernel}
        sizes.append(size)
        outputs.append(out)
    batches, channels = draw_size(draw, 1, 2), draw_size(draw, 1, 9)
    scale, zero = [draw_scale(draw, 1e-3, 1.0)], [draw_zero_point(draw)]
    shape = (batches, *sizes, channels)
    tensors = [
        TensorSpec("x", "int8", shape, scale, zero),
        TensorSpec("y", "int8", (batches, *outputs, channels), scale, zero),
    ]
    return make_case(tensors, OpSpec(name, (0,), (1,), options, 2), draw_values(draw, shape))


@st.composite
def max_pool_2d(draw: Draw) -> Case:
    return pooling(draw, "MAX_POOL_2D")


@st.composite
def average_pool_2d(draw: Draw) -> Case:
    return pooling(draw, "AVERAGE_POOL_2D")


@st.composite
def softmax(draw: Draw) -> Case:
    depth = draw_size(draw, 400, 511) if draw(st.integers(0, 5)) == 0 else draw_size(draw, 1, 30)
    shape = (*(draw_size(draw, 1, 5) for _ in range(draw_size(draw, 0, 3))), depth)
    tensors = [
        TensorSpec("x", "int8", shape, [draw_scale(draw, 1e-4, 1.0)], [draw_zero_point(draw)]),
        TensorSpec("y", "int8", shape, [1 / 256], [-128]),
    ]
    beta = draw(st.sampled_from([1.0, 1.0, 0.5, 2.7]))
    return make_case(tensors, OpSpec("SOFTMAX", (0,), (1,), {"beta": beta}, 2), draw_values(draw, shape, centre=120))


CASES: dict[str, st.SearchStrategy[Case]] = {
    "ADD": add(),
    "AVERAGE_POOL_2D": average_pool_2d(),
    "MAX_POOL_2D": max_pool_2d(),
    "MUL": mul(),
    "SOFTMAX": softmax(),
    "SUB": sub(),
}
