"""STRIDED_SLICE of any element type, with all its masks. Kernel: firmware/kernels/ref/strided_slice.c.

Source: TensorFlow Lite, kernels/strided_slice.cc (BuildStridedSliceParams) and kernels/internal/strided_slice_logic.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, constant, refusal
from pytest_stm32pose.network.ops.walks import moved, prepare_walk, strides


@dataclass(frozen=True)
class _Range:
    """Positions taken of one input dimension: `first`, `first + stride`, ... `count` of them."""

    first: int
    stride: int
    count: int


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Like numpy's indexing with slices, integers, `...` and new axes."""
    check_counts(op, graph, (4,))
    source, out = moved(op, graph)
    begin, end, stride = (
        [int(v) for v in constant(op, graph, index, what, ("int32",)).reshape(-1)]
        for index, what in zip(op.inputs[1:], ("begin", "end", "strides"), strict=True)
    )
    if not len(begin) == len(end) == len(stride) or 0 in stride:
        raise refusal(op, graph, f"begin {begin}, end {end} and strides {stride} do not suit each other")
    if op.options["offset"]:
        end = [first + length for first, length in zip(begin, end, strict=True)]
    ranges, shape = _ranges(op, graph, source.shape, (begin, end, stride))
    if tuple(shape) != out.shape:
        place = f"begin {begin}, end {end}, strides {stride}"
        raise refusal(op, graph, f"its output is {list(out.shape)}; {place} of {list(source.shape)} give {shape}")
    steps = strides(source.shape)
    start = sum(each.first * step for each, step in zip(ranges, steps, strict=True))
    walk = [each.stride * step for each, step in zip(ranges, steps, strict=True)]
    return prepare_walk(op, graph, [each.count for each in ranges], walk, start)


def _ranges(
    op: Op, graph: Graph, dims: Sequence[int], bounds: tuple[list[int], list[int], list[int]]
) -> tuple[list[_Range], list[int]]:
    """(what is taken of each input dimension, the output's shape)."""
    begin, end, stride = bounds
    masks = {name: int(op.options[f"{name}_mask"]) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    ellipsis = [i for i in range(len(begin)) if masks["ellipsis"] >> i & 1]
    if len(ellipsis) > 1:
        raise refusal(op, graph, "its ellipsis mask has more than one bit")
    new_axes = sum(masks["new_axis"] >> i & 1 for i in range(len(begin)) if i not in ellipsis)
    uncounted = len(dims) - (len(begin) - len(ellipsis) - new_axes)
    if ellipsis and (new_axes or uncounted == 0):  # the reference's ellipsis takes one dimension at least
        raise refusal(op, graph, "an ellipsis that stands for no dimension, or beside a new axis, is not supported")
    if uncounted < 0:
        raise refusal(op, graph, f"it indexes more dimensions than {list(dims)} has")
    ranges: list[_Range] = []
    shape: list[int] = []
    for i, (first, last, step) in enumerate(zip(begin, end, stride, strict=True)):
        if i in ellipsis:
            rest = dims[len(ranges) : len(ranges) + uncounted]
            ranges += [_Range(0, 1, dim) for dim in rest]
            shape += rest
        elif masks["new_axis"] >> i & 1:
            shape.append(1)
        else:
            dim = dims[len(ranges)]
            shrinks = bool(masks["shrink_axis"] >> i & 1)
            open_begin, open_end = bool(masks["begin"] >> i & 1), bool(masks["end"] >> i & 1)
            taken = (
                _single(op, graph, 0 if open_begin else first, dim)
                if shrinks
                else _slice(None if open_begin else first, None if open_end else last, step, dim)
            )
            if taken.count < 1:
                raise refusal(op, graph, f"nothing is left of dimension {len(ranges)}")
            ranges.append(taken)
            shape += [] if shrinks else [taken.count]
    rest = dims[len(ranges) :]  # what is not mentioned is taken whole
    return [*ranges, *(_Range(0, 1, dim) for dim in rest)], [*shape, *rest]


def _slice(first: int | None, last: int | None, step: int, dim: int) -> _Range:
    positions = range(*slice(first, last, step).indices(dim))
    return _Range(positions.start, step, len(positions))


def _single(op: Op, graph: Graph, index: int, dim: int) -> _Range:
    if not -dim <= index < dim:
        raise refusal(op, graph, f"index {index} is outside a dimension of {dim}")
    return _Range(index % dim, 1, 1)
