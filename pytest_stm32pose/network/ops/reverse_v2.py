"""REVERSE_V2 of any element type. Kernel: firmware/kernels/ref/reverse_v2.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import axis_of, check_counts, check_same_shape
from pytest_stm32pose.network.ops.walks import integers, moved, prepare_walk, strides

MAX_VERSION = 4


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Some dimensions are read from their end."""
    check_counts(op, graph, (2,))
    source, out = moved(op, graph)
    check_same_shape(op, graph, source, out)
    axes = {axis_of(op, graph, axis, len(source.shape)) for axis in integers(op, graph, 1, "axis")}
    steps = strides(source.shape)
    start = sum((source.shape[axis] - 1) * steps[axis] for axis in axes)
    walk = [-step if axis in axes else step for axis, step in enumerate(steps)]
    return prepare_walk(op, graph, source.shape, walk, start)
