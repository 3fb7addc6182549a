"""BROADCAST_TO of any element type. Kernel: firmware/kernels/ref/broadcast_to.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, refusal
from pytest_stm32pose.network.ops.walks import integers, moved, prepare_walk, strides

MAX_VERSION = 4


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Dimensions of size 1 are repeated; missing ones come first."""
    check_counts(op, graph, (2,))
    source, out = moved(op, graph)
    shape = integers(op, graph, 1, "shape")
    missing = len(out.shape) - len(source.shape)
    inner = (*[1] * missing, *source.shape)
    fits = missing >= 0 and all(a in (1, b) for a, b in zip(inner, out.shape, strict=True))
    if tuple(shape) != out.shape or not fits:
        raise refusal(op, graph, f"maps {list(source.shape)} to {list(out.shape)} with shape {shape}")
    steps = [0 if size == 1 else step for size, step in zip(inner, strides(inner), strict=True)]
    return prepare_walk(op, graph, out.shape, steps, 0)
