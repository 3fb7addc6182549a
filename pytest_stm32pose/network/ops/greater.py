"""GREATER of int32 or float32 with broadcasting. Kernel: firmware/kernels/ref/greater.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.comparisons import prepare_comparison

MAX_VERSION = 2


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Whether the first value is above the second."""
    return prepare_comparison(op, graph)
