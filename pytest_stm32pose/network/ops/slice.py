"""SLICE of any element type. Kernel: firmware/kernels/ref/slice.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, constant, refusal
from pytest_stm32pose.network.ops.walks import moved, prepare_walk, strides
from pytest_stm32pose.network.schema import OptionTable

OPTIONS = OptionTable(48)
MAX_VERSION = 6


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """`size` elements from `begin` on in each dimension; size -1 is everything that is left."""
    check_counts(op, graph, (3,))
    source, out = moved(op, graph)
    begin, size = (
        [int(v) for v in constant(op, graph, index, what, ("int32", "int64")).reshape(-1)]
        for index, what in zip(op.inputs[1:], ("begin", "size"), strict=True)
    )
    if len(begin) != len(source.shape) or len(size) != len(source.shape):
        raise refusal(
            op, graph, f"begin {begin} and size {size} do not suit a tensor of {len(source.shape)} dimensions"
        )
    sizes = [dim - first if count == -1 else count for dim, first, count in zip(source.shape, begin, size, strict=True)]
    inside = all(
        first >= 0 and 1 <= count <= dim - first for dim, first, count in zip(source.shape, begin, sizes, strict=True)
    )
    if not inside or tuple(sizes) != out.shape:
        reason = f"maps {list(source.shape)} to {list(out.shape)} with begin {begin} and size {size}"
        raise refusal(op, graph, reason)
    steps = strides(source.shape)
    start = sum(first * step for first, step in zip(begin, steps, strict=True))
    return prepare_walk(op, graph, sizes, steps, start)
