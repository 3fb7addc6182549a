"""Random networks of one operator that compares numbers or chooses between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.firmware.case_tools import Case, Draw, draw_size, draw_values, make_case
from tests.firmware.movement_cases import MOVED, like, movable
from tests.firmware.tail_cases import binary, draw_broadcast, draw_floats, draw_shape
from tests.support.tflite_builder import OpSpec, TensorSpec


def _numbers(draw: Draw, shape: tuple[int, ...], floats: bool) -> NDArray[Any]:
    """float32, or small int32 with many ties."""
    return draw_floats(draw, shape) if floats else draw_values(draw, shape, "int8", centre=3).astype(np.int32)


@st.composite
def comparison(draw: Draw, name: str) -> Case:
    shapes, out = draw_broadcast(draw)
    floats = bool(draw(st.booleans()))
    a, b = (_numbers(draw, shape, floats) for shape in shapes)
    constant = bool(draw(st.booleans()))
    tensors = [
        TensorSpec("a", a.dtype.name, a.shape),
        TensorSpec("b", b.dtype.name, b.shape, data=b if constant else None),
        TensorSpec("y", "bool", out),
    ]
    return make_case(tensors, OpSpec(name, (0, 1), (2,), {}, 1), a, *([] if constant else [b]))


@st.composite
def floor_mod(draw: Draw) -> Case:
    shapes, _ = draw_broadcast(draw)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    divisor = rng.integers(-9, 9, shapes[1])
    dividend = np.maximum(draw_values(draw, shapes[0], "int32"), -(2**31) + 1)  # -2^31 / -1 stops the reference
    return binary(
        draw, "FLOOR_MOD", dividend.astype(np.int32), np.where(divisor == 0, 48, divisor).astype(np.int32), {}
    )


@st.composite
def select_v2(draw: Draw) -> Case:
    full = draw_shape(draw)
    shapes = []
    for _ in range(3):
        kept = draw_size(draw, 0, len(full))
        shapes.append(tuple(size if draw(st.integers(0, 3)) else 1 for size in full[len(full) - kept :]))
    condition = draw_values(draw, shapes[0], "uint8") > 127
    x, first = movable(draw, "x", draw(st.sampled_from(MOVED)), shapes[1])
    second = draw_values(draw, shapes[2], "int8", low=0).astype(x.dtype)
    tensors = [
        TensorSpec("c", "bool", shapes[0]),
        x,
        like(x, "z", shapes[2]),
        like(x, "y", np.broadcast_shapes(*shapes)),
    ]
    return make_case(tensors, OpSpec("SELECT_V2", (0, 1, 2), (3,), {}, 1), condition, first, second)


_COMPARISONS = ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL")
#: Operator name -> strategy of its cases.
COMPARISON_CASES: dict[str, st.SearchStrategy[Case]] = {
    **{name: comparison(name) for name in _COMPARISONS},
    "FLOOR_MOD": floor_mod(),
    "SELECT_V2": select_v2(),
}
