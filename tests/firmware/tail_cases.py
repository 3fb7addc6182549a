"""Random networks of the operators that follow the convolutions of a full single-pose network: look for the largest,
gather, weigh by distance. In floating point, int32 and int8."""

from __future__ import annotations

import numpy as np
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
from tests.support.tflite_builder import OpSpec, TensorSpec

_TYPE_NUMBERS = {"float32": 0, "int32": 2, "uint8": 3, "int64": 4, "int8": 9}  # TensorType of schema.fbs


def draw_floats(draw: Draw, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Any magnitude, both signs, now and then whole numbers; zeros, infinities and subnormal numbers among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):
        return rng.integers(-100, 100, shape).astype(np.float32)
    values = rng.standard_normal(shape) * 2.0 ** rng.uniform(-30, 30, shape)
    special = rng.choice(np.array([0.0, np.inf, -np.inf, 1e-41, -3e-39]), shape)
    return np.where(rng.random(shape) < 0.05, special, values).astype(np.float32)


def draw_numbers(draw: Draw, shape: tuple[int, ...], dtype: str) -> NDArray[np.generic]:
    """Values of any of the types that operators copy or compare."""
    return draw_floats(draw, shape) if dtype == "float32" else draw_values(draw, shape, dtype)


def draw_shape(draw: Draw, low: int = 1, high: int = 4) -> tuple[int, ...]:
    return tuple(draw_size(draw, 1, 5) for _ in range(draw_size(draw, low, high)))


def number_spec(draw: Draw, name: str, dtype: str, shape: tuple[int, ...], data: object = None) -> TensorSpec:
    """A tensor, quantised when its type has 8 bits."""
    if dtype not in ("int8", "uint8"):
        return TensorSpec(name, dtype, shape, data=data)  # type: ignore[arg-type]
    return TensorSpec(name, dtype, shape, [draw_scale(draw)], [draw_zero_point(draw, dtype)], data=data)  # type: ignore[arg-type]


def draw_broadcast(draw: Draw) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """Two shapes and what they broadcast to."""
    full = draw_shape(draw)
    shapes = []
    for _ in range(2):
        kept = draw_size(draw, 0, len(full))
        shapes.append(tuple(size if draw(st.integers(0, 3)) else 1 for size in full[len(full) - kept :]))
    return shapes, np.broadcast_shapes(*shapes)


def binary(draw: Draw, name: str, a: NDArray[np.generic], b: NDArray[np.generic], options: dict[str, int]) -> Case:
    """An element-wise operator on floats or int32; the second input is sometimes constant."""
    constant = bool(draw(st.booleans()))
    dtype = a.dtype.name
    tensors = [
        TensorSpec("a", dtype, a.shape),
        TensorSpec("b", dtype, b.shape, data=b if constant else None),
        TensorSpec("y", dtype, np.broadcast_shapes(a.shape, b.shape)),
    ]
    return make_case(tensors, OpSpec(name, (0, 1), (2,), options, 2), a, *([] if constant else [b]))


@st.composite
def cast(draw: Draw) -> Case:
    source, target = draw(
        st.sampled_from(
            [("uint8", "float32"), ("int8", "float32"), ("int32", "float32"), ("int8", "int32"), ("uint8", "int32")]
        )
    )
    shape = draw_shape(draw)
    options = {"in_data_type": _TYPE_NUMBERS[source], "out_data_type": _TYPE_NUMBERS[target]}
    tensors = [TensorSpec("x", source, shape), TensorSpec("y", target, shape)]
    return make_case(tensors, OpSpec("CAST", (0,), (1,), options, 1), draw_values(draw, shape, source))


@st.composite
def arg_max(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(["int8", "uint8", "int32", "float32"]))
    target = draw(st.sampled_from(["int32", "int64"]))
    shape = draw_shape(draw)
    axis = draw_size(draw, -len(shape), len(shape) - 1)
    values = draw_numbers(draw, shape, dtype)
    if draw(st.booleans()):  # many ties
        values = np.sign(np.nan_to_num(values.astype(np.float64))).astype(dtype)
    tensors = [
        number_spec(draw, "x", dtype, shape),
        TensorSpec("axis", "int32", (), data=np.array(axis, np.int32)),
        TensorSpec("y", target, tuple(np.delete(shape, axis).tolist())),
    ]
    options = {"output_type": _TYPE_NUMBERS[target]}
    return make_case(tensors, OpSpec("ARG_MAX", (0, 1), (2,), options, 2), values)


@st.composite
def gather_nd(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(["int8", "uint8", "int32", "float32"]))
    shape = draw_shape(draw)
    depth = draw_size(draw, 1, len(shape))
    outer = draw_shape(draw, 1, 2)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    indices = rng.integers(0, shape[:depth], (*outer, depth)).astype(np.int32)
    constant = bool(draw(st.booleans()))
    tensors = [
        number_spec(draw, "x", dtype, shape),
        TensorSpec("indices", "int32", indices.shape, data=indices if constant else None),
        number_spec(draw, "y", dtype, (*outer, *shape[depth:])),
    ]
    values = draw_numbers(draw, shape, dtype)
    return make_case(tensors, OpSpec("GATHER_ND", (0, 1), (2,), {}, 1), values, *([] if constant else [indices]))


@st.composite
def floor_div(draw: Draw) -> Case:
    shapes, _ = draw_broadcast(draw)
    if draw(st.booleans()):
        a, b = (draw_floats(draw, shape) for shape in shapes)
        return binary(draw, "FLOOR_DIV", a, np.where(b == 0, np.float32(0.75), b), {})
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dividend, divisor = draw_values(draw, shapes[0], "int32"), rng.integers(-9, 9, shapes[1])
    dividend = np.maximum(dividend, -(2**31) + 1)  # -2^31 / -1 stops the reference
    return binary(
        draw, "FLOOR_DIV", dividend.astype(np.int32), np.where(divisor == 0, 48, divisor).astype(np.int32), {}
    )


@st.composite
def pack(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(["int8", "uint8", "int32", "float32"]))
    shape = draw_shape(draw, 0, 3)
    count = draw_size(draw, 1, 4)
    axis = draw_size(draw, -len(shape) - 1, len(shape))
    parts = [draw_numbers(draw, shape, dtype) for _ in range(count)]
    like = number_spec(draw, "x0", dtype, shape)
    constant = bool(count > 1 and draw(st.booleans()))
    tensors = [
        TensorSpec(f"x{i}", dtype, shape, like.scale, like.zero_point, data=parts[i] if constant and i == 0 else None)
        for i in range(count)
    ]
    out = np.stack(parts, axis).shape
    tensors.append(TensorSpec("y", dtype, out, like.scale, like.zero_point))
    op = OpSpec("PACK", tuple(range(count)), (count,), {"values_count": count, "axis": axis}, 2)
    return make_case(tensors, op, *parts[1 if constant else 0 :])


@st.composite
def unpack(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(["int8", "uint8", "int32", "float32"]))
    shape = draw_shape(draw)
    axis = draw_size(draw, -len(shape), len(shape) - 1)
    like = number_spec(draw, "x", dtype, shape)
    out = tuple(np.delete(shape, axis).tolist())
    parts = [TensorSpec(f"y{i}", dtype, out, like.scale, like.zero_point) for i in range(shape[axis])]
    op = OpSpec("UNPACK", (0,), tuple(range(1, 1 + len(parts))), {"num": len(parts), "axis": axis}, 2)
    return make_case([like, *parts], op, draw_numbers(draw, shape, dtype))


@st.composite
def div(draw: Draw) -> Case:
    shapes, _ = draw_broadcast(draw)
    a, b = (draw_floats(draw, shape) for shape in shapes)
    # 0/0 and inf/inf are NaN, whose bits no standard fixes; 1/0 is an infinity.
    finite = np.where(np.isfinite(a) & (a != 0), a, np.float32(1.5))
    return binary(draw, "DIV", finite, b, {"fused_activation_function": draw_activation(draw)})


@st.composite
def squared_difference(draw: Draw) -> Case:
    shapes, _ = draw_broadcast(draw)
    if draw(st.booleans()):
        a, b = (draw_floats(draw, shape) for shape in shapes)
        return binary(draw, "SQUARED_DIFFERENCE", np.where(np.isinf(a), np.float32(2), a), b, {})
    scales = draw_scale(draw, 1e-3, 1.0), draw_scale(draw, 1e-3, 1.0)
    out_scale = float(np.float32(max(scales) ** 2 * draw_scale(draw, 2.0**-9, 1000.0)))
    first, second = (draw_values(draw, shape) for shape in shapes)
    constant = bool(draw(st.booleans()))
    tensors = [
        TensorSpec("a", "int8", first.shape, [scales[0]], [draw_zero_point(draw)]),
        TensorSpec("b", "int8", second.shape, [scales[1]], [draw_zero_point(draw)], data=second if constant else None),
        TensorSpec("y", "int8", np.broadcast_shapes(*shapes), [out_scale], [draw_zero_point(draw)]),
    ]
    op = OpSpec("SQUARED_DIFFERENCE", (0, 1), (2,), {}, 2)
    return make_case(tensors, op, first, *([] if constant else [second]))


@st.composite
def l2_normalization(draw: Draw) -> Case:
    shape = draw_shape(draw)
    if draw(st.booleans()):
        values = draw_floats(draw, shape)
        finite = np.where(np.isfinite(values), values, np.float32(2))
        return make_case(
            [TensorSpec(n, "float32", shape) for n in "xy"], OpSpec("L2_NORMALIZATION", (0,), (1,)), finite
        )
    zero = draw_zero_point(draw)
    tensors = [
        TensorSpec("x", "int8", shape, [draw_scale(draw)], [zero]),
        TensorSpec("y", "int8", shape, [1 / 128], [0]),
    ]
    return make_case(tensors, OpSpec("L2_NORMALIZATION", (0,), (1,), {}, 2), draw_values(draw, shape, centre=zero))


#: Operator name -> strategy of its cases.
TAIL_CASES: dict[str, st.SearchStrategy[Case]] = {
    "ARG_MAX": arg_max(),
    "CAST": cast(),
    "DIV": div(),
    "FLOOR_DIV": floor_div(),
    "GATHER_ND": gather_nd(),
    "L2_NORMALIZATION": l2_normalization(),
    "PACK": pack(),
    "SQUARED_DIFFERENCE": squared_difference(),
    "UNPACK": unpack(),
}
