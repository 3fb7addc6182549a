"""Random networks of one element-wise operator of one input: all 256 values of 8-bit types, floats of any magnitude."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.firmware.case_tools import Case, Draw, draw_scale, draw_values, draw_zero_point, make_case
from tests.firmware.tail_cases import draw_floats, draw_shape
from tests.support.tflite_builder import OpSpec, TensorSpec

_SHAPE = (1, 2, 128)
#: Draws the scales of the input and the output.
Scales = Callable[[Draw], tuple[float, float]]


def every(dtype: str) -> NDArray[np.generic]:
    return np.arange(256, dtype=np.uint8).view(dtype).reshape(_SHAPE)


def _table(
    draw: Draw, name: str, dtype: str, scales: tuple[float, float], zeros: tuple[int, int], options: dict[str, bool]
) -> Case:
    tensors = [TensorSpec(n, dtype, _SHAPE, [s], [z]) for n, s, z in zip("xy", scales, zeros, strict=True)]
    return make_case(tensors, OpSpec(name, (0,), (1,), options, 1), every(dtype))


def _numbers(draw: Draw, name: str, dtype: str, positive: bool) -> Case:
    shape = draw_shape(draw)
    values = draw_floats(draw, shape) if dtype == "float32" else draw_values(draw, shape, dtype)
    values = np.abs(values) if positive else values
    return make_case([TensorSpec("x", dtype, shape), TensorSpec("y", dtype, shape)], OpSpec(name, (0,), (1,)), values)


def _alike(draw: Draw) -> tuple[float, float]:
    """Scales of one size; equal ones now and then, which some operators treat apart."""
    scale = draw_scale(draw, 1e-3, 1.0)
    return (scale, scale) if draw(st.booleans()) else (scale, scale * draw_scale(draw, 0.1, 8.0))


def _small(draw: Draw) -> tuple[float, float]:
    """Inputs within what exp() of gives no infinity."""
    return draw_scale(draw, 1e-3, 0.3), draw_scale(draw, 1e-3, 1.0)


@st.composite
def unary(draw: Draw, name: str, dtypes: tuple[str, ...], scales: Scales = _alike, positive: bool = False) -> Case:
    """`positive`: the operator is for numbers from 0 on."""
    dtype = draw(st.sampled_from(dtypes))
    if dtype not in ("int8", "uint8"):
        return _numbers(draw, name, dtype, positive)
    zero = int(np.iinfo(dtype).min) if positive else draw_zero_point(draw, dtype)
    return _table(draw, name, dtype, scales(draw), (zero, draw_zero_point(draw, dtype)), {})


@st.composite
def gelu(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(["int8", "uint8"]))
    zeros = (draw_zero_point(draw, dtype), draw_zero_point(draw, dtype))
    return _table(draw, "GELU", dtype, _alike(draw), zeros, {"approximate": bool(draw(st.booleans()))})


@st.composite
def neg(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(["int8", "int32", "float32"]))
    if dtype != "int8":
        return _numbers(draw, "NEG", dtype, positive=False)
    scale = draw_scale(draw)
    return _table(draw, "NEG", "int8", (scale, scale), (0, 0), {})


_BYTES, _FLOATS = ("int8", "uint8"), ("int8", "uint8", "float32")
#: Operator name -> strategy of its cases.
UNARY_CASES: dict[str, st.SearchStrategy[Case]] = {
    "ABS": unary("ABS", ("int8", "int32", "float32")),
    "EXP": unary("EXP", ("int8",), _small),
    "FLOOR": unary("FLOOR", ("float32",)),
    "GELU": gelu(),
    "LOG": unary("LOG", ("int8",), _small),
    "NEG": neg(),
    "RELU": unary("RELU", _FLOATS),
    "RELU6": unary("RELU6", _FLOATS),
    "RELU_0_TO_1": unary("RELU_0_TO_1", _FLOATS),
    "RELU_N1_TO_1": unary("RELU_N1_TO_1", _FLOATS),
    "RSQRT": unary("RSQRT", ("int8", "float32"), _small, positive=True),
    "SQRT": unary("SQRT", ("float32",), positive=True),
    "SQUARE": unary("SQUARE", ("float32",)),
    "TANH": unary("TANH", _BYTES),
}
