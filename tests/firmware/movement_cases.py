"""Random networks of one operator that only moves elements; part of operator_cases.CASES."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import assume, reject
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.firmware.case_tools import Case, Draw, draw_scale, draw_size, draw_values, draw_zero_point, make_case
from tests.support.tflite_builder import OpSpec, TensorSpec

MOVED = ("int8", "uint8", "int32", "float32")


def movable(draw: Draw, name: str, dtype: str, shape: Sequence[int]) -> tuple[TensorSpec, NDArray[Any]]:
    """A tensor (8-bit ones quantised) and values for it."""
    values = draw_values(draw, shape, "int32" if dtype == "float32" else dtype)
    if dtype in ("int8", "uint8"):
        return TensorSpec(name, dtype, tuple(shape), [draw_scale(draw)], [draw_zero_point(draw, dtype)]), values
    return TensorSpec(name, dtype, tuple(shape)), values.astype(dtype)


def like(tensor: TensorSpec, name: str, shape: Sequence[int]) -> TensorSpec:
    return TensorSpec(name, tensor.dtype, tuple(int(n) for n in shape), tensor.scale, tensor.zero_point)


def integers(name: str, values: Sequence[int] | int, shape: tuple[int, ...] | None = None) -> TensorSpec:
    data = np.array(values, np.int32)
    data = data if shape is None else data.reshape(shape)
    return TensorSpec(name, "int32", data.shape, data=data)


def draw_shape(draw: Draw, low: int = 1, high: int = 4, largest: int = 6) -> tuple[int, ...]:
    return tuple(draw_size(draw, 1, largest) for _ in range(draw_size(draw, low, high)))


@st.composite
def transpose(draw: Draw, dtypes: Sequence[str] = MOVED) -> Case:
    shape = draw_shape(draw, 1, 6, 4)
    x, values = movable(draw, "x", draw(st.sampled_from(dtypes)), shape)
    perm = draw(st.permutations(range(len(shape))))
    out = like(x, "y", [shape[axis] for axis in perm])
    return make_case([x, integers("perm", perm), out], OpSpec("TRANSPOSE", (0, 1), (2,), {}, 2), values)


@st.composite
def reshape(draw: Draw) -> Case:
    shape = draw_shape(draw)
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    flat = math.prod(shape)
    new = draw(st.sampled_from([(flat,), (1, flat), (flat, 1, 1), tuple(reversed(shape)), (1, *shape)]))
    tensors = [x, integers("shape", new), like(x, "y", new)]
    return make_case(tensors, OpSpec("RESHAPE", (0, 1), (2,), {"new_shape": list(new)}), values)


@st.composite
def squeeze(draw: Draw) -> Case:
    kept = draw_shape(draw, 1, 3)
    shape = [1, *kept, 1]
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    dims = draw(st.sampled_from([[0], [len(kept) + 1], [0, len(kept) + 1], [-1]]))
    dropped = {dim % len(shape) for dim in dims}
    out = like(x, "y", [size for i, size in enumerate(shape) if i not in dropped])
    return make_case([x, out], OpSpec("SQUEEZE", (0,), (1,), {"squeeze_dims": dims}), values)


@st.composite
def expand_dims(draw: Draw) -> Case:
    shape = draw_shape(draw)
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    axis = draw_size(draw, -len(shape) - 1, len(shape))
    new = list(shape)
    new.insert(axis if axis >= 0 else axis + len(shape) + 1, 1)
    return make_case([x, integers("axis", axis, ()), like(x, "y", new)], OpSpec("EXPAND_DIMS", (0, 1), (2,)), values)


@st.composite
def slice_(draw: Draw) -> Case:
    shape = draw_shape(draw, 1, 5)
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    begin = [draw_size(draw, 0, size - 1) for size in shape]
    count = [draw_size(draw, 1, size - first) for size, first in zip(shape, begin, strict=True)]
    size = [
        -1 if first + n == dim and draw(st.booleans()) else n for dim, first, n in zip(shape, begin, count, strict=True)
    ]
    tensors = [x, integers("begin", begin), integers("size", size), like(x, "y", count)]
    return make_case(tensors, OpSpec("SLICE", (0, 1, 2), (3,), {}, 2), values)


@st.composite
def strided_slice(draw: Draw) -> Case:
    """numpy's indexing says what shape the output has; ellipsis and new axes now and then."""
    shape = draw_shape(draw, 1, 4)
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    begin: list[int] = []
    end: list[int] = []
    strides: list[int] = []
    index: list[Any] = []
    masks = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    for i, size in enumerate(shape):
        first, last = draw_size(draw, -size, size - 1), draw_size(draw, -size, size + 1)
        step = draw(st.sampled_from([1, 1, 1, 2, 3, -1, -2]))
        if draw(st.integers(0, 4)) == 0:
            masks["shrink_axis_mask"] |= 1 << i
            last, step = first + 1, 1
            index.append(first)
        else:
            open_begin, open_end = draw(st.booleans()), draw(st.booleans())
            masks["begin_mask"] |= open_begin << i
            masks["end_mask"] |= open_end << i
            index.append(slice(None if open_begin else first, None if open_end else last, step))
        begin.append(first)
        end.append(last)
        strides.append(step)
    kept = draw_size(draw, 1, len(shape))  # what is not mentioned is taken whole
    extra = draw(st.sampled_from(["", "", "new", "ellipsis"]))
    bounds = [list(each[:kept]) for each in (begin, end, strides)]
    index = index[:kept]
    masks = {name: mask & ((1 << kept) - 1) for name, mask in masks.items()}
    if extra and len(shape) < 4 and (extra == "new" or kept < len(shape)):
        at = draw_size(draw, 0, kept)
        for bound, filling in zip(bounds, (0, 0, 1), strict=True):
            bound.insert(at, filling)
        masks = {name: mask & ((1 << at) - 1) | mask >> at << (at + 1) for name, mask in masks.items()}
        masks["new_axis_mask" if extra == "new" else "ellipsis_mask"] |= 1 << at
        index.insert(at, np.newaxis if extra == "new" else Ellipsis)
    try:
        out = values[tuple(index)]
    except IndexError:  # after an ellipsis a single index belongs to another dimension, which may be smaller
        reject()
    assume(out.size > 0)
    tensors = [x, *(integers(n, b) for n, b in zip(("b", "e", "s"), bounds, strict=True)), like(x, "y", out.shape)]
    return make_case(tensors, OpSpec("STRIDED_SLICE", (0, 1, 2, 3), (4,), masks, 2), values)


@st.composite
def split(draw: Draw) -> Case:
    parts = draw_size(draw, 1, 4)
    shape = list(draw_shape(draw))
    axis = draw_size(draw, 0, len(shape) - 1)
    part = list(shape)
    shape[axis] *= parts
    x, values = movable(draw, "x", draw(st.sampled_from(("int8", "uint8", "int32", "float32"))), shape)
    signed_axis = axis - len(shape) if draw(st.booleans()) else axis
    tensors = [integers("axis", signed_axis, ()), x, *(like(x, f"y{i}", part) for i in range(parts))]
    outputs = tuple(range(2, 2 + parts))
    return make_case(tensors, OpSpec("SPLIT", (0, 1), outputs, {"num_splits": parts}, 2), values)


@st.composite
def concatenation(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(MOVED))
    shape = list(draw_shape(draw))
    axis = draw_size(draw, 0, len(shape) - 1)
    count = draw_size(draw, 1, 4)
    first, _ = movable(draw, "x", dtype, shape)
    tensors, inputs, total = [], [], 0
    for i in range(count):
        part = [*shape[:axis], draw_size(draw, 1, 5), *shape[axis + 1 :]]
        other, values = movable(draw, f"x{i}", dtype, part)
        requantised = dtype == "uint8" and draw(st.booleans())
        tensors.append(other if requantised else like(first, f"x{i}", part))
        inputs.append(values)
        total += part[axis]
    tensors.append(like(first, "y", [*shape[:axis], total, *shape[axis + 1 :]]))
    signed_axis = axis - len(shape) if draw(st.booleans()) else axis
    op = OpSpec("CONCATENATION", tuple(range(count)), (count,), {"axis": signed_axis}, 2)
    return make_case(tensors, op, *inputs)


@st.composite
def resize_nearest_neighbor(draw: Draw) -> Case:
    sizes = [draw_size(draw, 1, 9) for _ in range(2)]
    new = [2 * s if draw(st.booleans()) else draw_size(draw, 1, 17) for s in sizes]
    batches, channels = draw_size(draw, 1, 2), draw_size(draw, 1, 9)
    options = {name: True for name in ("align_corners", "half_pixel_centers") if draw(st.booleans())}
    x, values = movable(draw, "x", draw(st.sampled_from(("int8", "uint8", "float32"))), (batches, *sizes, channels))
    tensors = [x, integers("size", new), like(x, "y", (batches, *new, channels))]
    return make_case(tensors, OpSpec("RESIZE_NEAREST_NEIGHBOR", (0, 1), (2,), options, 2), values)


CASES: dict[str, st.SearchStrategy[Case]] = {
    "CONCATENATION": concatenation(),
    "EXPAND_DIMS": expand_dims(),
    "RESHAPE": reshape(),
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor(),
    "SLICE": slice_(),
    "SPLIT": split(),
    "SQUEEZE": squeeze(),
    "STRIDED_SLICE": strided_slice(),
    "TRANSPOSE": transpose(),
}
