"""Random networks of one operator that reduces dimensions: mean, sum, largest, smallest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from tests.firmware.case_tools import Case, Draw, draw_scale, draw_size, draw_values, draw_zero_point, make_case
from tests.firmware.tail_cases import draw_floats, number_spec
from tests.support.tflite_builder import OpSpec, TensorSpec


@st.composite
def reduction(draw: Draw, name: str, dtypes: Sequence[str], alike: bool = False) -> Case:
    """`alike`: the operator leaves the quantisation as it is."""
    dtype = draw(st.sampled_from(dtypes))
    shape = tuple(draw_size(draw, 1, 9) for _ in range(draw_size(draw, 1, 4)))
    axes = draw(st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=len(shape)))
    reduced = {axis % len(shape) for axis in axes}
    keep = bool(draw(st.booleans()))
    out = tuple(1 if i in reduced else size for i, size in enumerate(shape) if keep or i not in reduced)
    axis = TensorSpec("axis", "int32", (len(axes),), data=np.array(axes, np.int32))
    op = OpSpec(name, (0, 1), (2,), {"keep_dims": keep}, 2)
    if dtype in ("float32", "int32"):
        values = draw_floats(draw, shape) if dtype == "float32" else draw_values(draw, shape, dtype)
        finite = values if alike else np.where(np.isfinite(values), values, values.dtype.type(3))
        return make_case([TensorSpec("x", dtype, shape), axis, TensorSpec("y", dtype, out)], op, finite)
    x = number_spec(draw, "x", dtype, shape)
    same = alike or bool(draw(st.booleans()))
    scale, zero = [x.scale[0] * draw_scale(draw, 0.1, 8.0)], [draw_zero_point(draw, dtype)]
    y = TensorSpec("y", dtype, out, x.scale if same else scale, x.zero_point if same else zero)
    return make_case([x, axis, y], op, draw_values(draw, shape, dtype))


_ALL = ("int8", "uint8", "int32", "float32")
#: Operator name -> strategy of its cases.
REDUCTION_CASES: dict[str, st.SearchStrategy[Case]] = {
    "MEAN": reduction("MEAN", ("int8", "float32")),
    "REDUCE_MAX": reduction("REDUCE_MAX", _ALL, alike=True),
    "REDUCE_MIN": reduction("REDUCE_MIN", _ALL, alike=True),
    "SUM": reduction("SUM", ("int32", "float32")),
}
