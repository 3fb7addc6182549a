"""TILE of any element type. Kernel: firmware/kernels/ref/tile.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, refusal
from pytest_stm32pose.network.ops.walks import integers, moved, prepare_walk, strides

MAX_VERSION = 3


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Every dimension is repeated as often as the multiples say."""
    check_counts(op, graph, (2,))
    source, out = moved(op, graph)
    multiples = integers(op, graph, 1, "multiples")
    fits = len(multiples) == len(source.shape) and min(multiples, default=1) > 0
    if not fits or tuple(n * size for n, size in zip(multiples, source.shape, strict=True)) != out.shape:
        raise refusal(op, graph, f"maps {list(source.shape)} to {list(out.shape)} with multiples {multiples}")
    sizes, steps = [], []
    for times, size, step in zip(multiples, source.shape, strides(source.shape), strict=True):
        sizes += [times, size]
        steps += [0, step]
    return prepare_walk(op, graph, sizes, steps, 0)
