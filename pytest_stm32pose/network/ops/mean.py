"""MEAN over constant dimensions, int8 and float32. Kernel: firmware/kernels/ref/mean.c.

Source: TensorFlow Lite, kernels/internal/reference/reduce.h (QuantizedMeanOrSum, Mean).
"""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops import reductions
from pytest_stm32pose.network.ops.base import ConstPool, Prepared

OPTIONS = reductions.OPTIONS
MAX_VERSION = 3


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The averaged dimensions vanish, or stay as 1 (keep_dims)."""
    reduction = reductions.read_reduction(op, graph, ("int8", "float32"), "average")
    if reduction.source.dtype == "float32":
        return reductions.plain(op, reduction)
    return reductions.scaled(op, graph, reduction, mean=True)
