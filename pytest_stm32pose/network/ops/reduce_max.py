"""REDUCE_MAX over constant dimensions, 8 bits, int32 and float32. Kernel: firmware/kernels/ref/reduce_max.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops import reductions
from pytest_stm32pose.network.ops.base import ConstPool, Prepared

OPTIONS = reductions.OPTIONS
MAX_VERSION = 3


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The largest value of the dimensions that vanish, or stay as 1 (keep_dims)."""
    return reductions.prepare_extreme(op, graph)
