"""AVERAGE_POOL_2D, int8. Kernel: firmware/kernels/ref/average_pool_2d.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.pooling import prepare_pooling


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Positions outside the picture do not count."""
    return prepare_pooling(op, graph)
