"""GREATER_EQUAL of int32 or float32 with broadcasting. Kernel: firmware/kernels/ref/greater_equal.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.comparisons import prepare_comparison

MAX_VERSION = 3


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Whether the first value is not below the second."""
    return prepare_comparison(op, graph)
