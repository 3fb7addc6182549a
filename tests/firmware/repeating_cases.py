"""Random networks of one operator that repeats, mirrors, selects or rearranges elements."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tests.firmware.case_tools import Case, Draw, draw_size, draw_values, make_case
from tests.firmware.movement_cases import MOVED, draw_shape, integers, like, movable
from tests.firmware.tail_cases import draw_numbers, number_spec
from tests.support.tflite_builder import OpSpec, TensorSpec


@st.composite
def tile(draw: Draw) -> Case:
    shape = draw_shape(draw, 1, 4, 4)
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    multiples = [draw_size(draw, 1, 3) if i < 3 else 1 for i in range(len(shape))]
    out = like(x, "y", np.multiply(shape, multiples).tolist())
    return make_case([x, integers("multiples", multiples), out], OpSpec("TILE", (0, 1), (2,), {}, 2), values)


@st.composite
def broadcast_to(draw: Draw) -> Case:
    full = draw_shape(draw, 1, 5, 4)
    kept = full[draw_size(draw, 0, len(full) - 1) :]
    shape = [size if draw(st.booleans()) else 1 for size in kept]
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    tensors = [x, integers("shape", full), like(x, "y", full)]
    return make_case(tensors, OpSpec("BROADCAST_TO", (0, 1), (2,), {}, 2), values)


@st.composite
def fill(draw: Draw) -> Case:
    shape = draw_shape(draw)
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), ())
    tensors = [integers("shape", shape), x, like(x, "y", shape)]
    return make_case(tensors, OpSpec("FILL", (0, 1), (2,), {}, 2), values)


@st.composite
def reverse_v2(draw: Draw) -> Case:
    """LiteRT reverses neighbouring dimensions only."""
    shape = draw_shape(draw)
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    first = draw_size(draw, 0, len(shape) - 1)
    axes = list(range(first, draw_size(draw, first, len(shape) - 1) + 1))
    tensors = [x, integers("axis", axes), like(x, "y", shape)]
    return make_case(tensors, OpSpec("REVERSE_V2", (0, 1), (2,), {}, 2), values)


def _blocks(draw: Draw, name: str) -> Case:
    block = draw_size(draw, 1, 3)
    batches, height, width, channels = (draw_size(draw, 1, n) for n in (2, 4, 4, 5))
    wide = (batches, height * block, width * block, channels)
    deep = (batches, height, width, channels * block * block)
    shape, out = (deep, wide) if name == "DEPTH_TO_SPACE" else (wide, deep)
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    return make_case([x, like(x, "y", out)], OpSpec(name, (0,), (1,), {"block_size": block}, 1), values)


@st.composite
def depth_to_space(draw: Draw) -> Case:
    return _blocks(draw, "DEPTH_TO_SPACE")


@st.composite
def space_to_depth(draw: Draw) -> Case:
    return _blocks(draw, "SPACE_TO_DEPTH")


@st.composite
def split_v(draw: Draw) -> Case:
    sizes = [draw_size(draw, 1, 5) for _ in range(draw_size(draw, 1, 4))]
    shape = list(draw_shape(draw))
    axis = draw_size(draw, 0, len(shape) - 1)
    shape[axis] = sum(sizes)
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    parts = [like(x, f"y{i}", [*shape[:axis], n, *shape[axis + 1 :]]) for i, n in enumerate(sizes)]
    said = list(sizes)
    if draw(st.booleans()):
        said[draw_size(draw, 0, len(sizes) - 1)] = -1
    signed_axis = axis - len(shape) if draw(st.booleans()) else axis
    tensors = [x, integers("sizes", said), integers("axis", signed_axis, ()), *parts]
    outputs = tuple(range(3, 3 + len(sizes)))
    return make_case(tensors, OpSpec("SPLIT_V", (0, 1, 2), outputs, {"num_splits": len(sizes)}, 2), values)


@st.composite
def gather(draw: Draw) -> Case:
    shape = draw_shape(draw, 1, 4, 5)
    axis = draw_size(draw, 0, len(shape) - 1)
    batch = draw_size(draw, 0, axis)
    wide = bool(draw(st.booleans()))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    picked = (*shape[:batch], *draw_shape(draw, 0 if batch == 0 else 1, 2, 4))
    picked = picked[: 6 - len(shape) + batch + 1]
    indices = rng.integers(0, shape[axis], picked).astype(np.int64 if wide else np.int32)
    constant = bool(draw(st.booleans()))
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    tensors = [
        x,
        TensorSpec("indices", indices.dtype.name, indices.shape, data=indices if constant else None),
        like(x, "y", (*shape[:axis], *picked[batch:], *shape[axis + 1 :])),
    ]
    signed_axis = axis - len(shape) if draw(st.booleans()) else axis
    op = OpSpec("GATHER", (0, 1), (2,), {"axis": signed_axis, "batch_dims": batch}, 4)
    return make_case(tensors, op, values, *([] if constant else [indices]))


@st.composite
def mirror_pad(draw: Draw) -> Case:
    mode = draw_size(draw, 0, 1)
    shape = draw_shape(draw, 1, 4, 5)
    amounts = np.array([[draw_size(draw, 0, min(3, size - 1 + mode)) for _ in range(2)] for size in shape], np.int32)
    x, values = movable(draw, "x", draw(st.sampled_from(MOVED)), shape)
    paddings = TensorSpec("paddings", "int32", amounts.shape, data=amounts)
    out = like(x, "y", (np.array(shape) + amounts.sum(axis=1)).tolist())
    return make_case([x, paddings, out], OpSpec("MIRROR_PAD", (0, 1), (2,), {"mode": mode}, 2), values)


@st.composite
def topk_v2(draw: Draw) -> Case:
    dtype = draw(st.sampled_from(["int8", "uint8", "int32", "float32"]))
    shape = (*draw_shape(draw, 0, 2, 3), draw_size(draw, 1, 60))
    count = draw_size(draw, 1, shape[-1])
    values = draw_numbers(draw, shape, dtype)
    if draw(st.booleans()):  # many ties
        values = draw_values(draw, shape, "int8", centre=3).astype(dtype)
    x = number_spec(draw, "x", dtype, shape)
    out = (*shape[:-1], count)
    tensors = [x, integers("k", count, ()), like(x, "y", out), TensorSpec("places", "int32", out)]
    return make_case(tensors, OpSpec("TOPK_V2", (0, 1), (2, 3), {}, 2), values)


#: Operator name -> strategy of its cases.
REPEATING_CASES: dict[str, st.SearchStrategy[Case]] = {
    "BROADCAST_TO": broadcast_to(),
    "DEPTH_TO_SPACE": depth_to_space(),
    "FILL": fill(),
    "GATHER": gather(),
    "MIRROR_PAD": mirror_pad(),
    "REVERSE_V2": reverse_v2(),
    "SPACE_TO_DEPTH": space_to_depth(),
    "SPLIT_V": split_v(),
    "TILE": tile(),
    "TOPK_V2": topk_v2(),
}
