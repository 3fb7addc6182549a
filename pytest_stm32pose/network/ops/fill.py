"""FILL of any element type. Kernel: firmware/kernels/ref/fill.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, refusal
from pytest_stm32pose.network.ops.walks import integers, moved, prepare_walk

MAX_VERSION = 5


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Operand 0 is the shape; every element is the one of operand 1."""
    check_counts(op, graph, (2,))
    source, out = moved(op, graph, 1)
    shape = integers(op, graph, 0, "shape")
    if tuple(shape) != out.shape or source.shape not in ((), (1,)):
        raise refusal(op, graph, f"fills {list(out.shape)} with {list(source.shape)} values and shape {shape}")
    return prepare_walk(op, graph, out.shape, [0] * len(out.shape), 0, 1)
