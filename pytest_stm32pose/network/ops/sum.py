"""SUM over constant dimensions, int8, int32 and float32. Kernel: firmware/kernels/ref/sum.c.

Source: TensorFlow Lite, kernels/reduce.cc (EvalSum) and kernels/internal/reference/reduce.h (QuantizedMeanOrSum).
"""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops import reductions
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import affine, constant, refusal

OPTIONS = reductions.OPTIONS
MAX_VERSION = 2


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The added dimensions vanish, or stay as 1 (keep_dims)."""
    reduction = reductions.read_reduction(op, graph, ("int8", "int32", "float32"), "accumulate")
    if reduction.source.dtype != "int8":
        return reductions.plain(op, reduction)
    scale, _ = affine(op, graph, reduction.source, "input")
    if scale == affine(op, graph, reduction.out, "output")[0]:
        raise refusal(op, graph, "its input and output have one scale, where the reference adds in 8 bits")
    axes = constant(op, graph, op.inputs[1], "axis", ("int32",))
    if axes.size != reduction.reduced.bit_count():
        raise refusal(op, graph, "it names a dimension twice, which the reference adds up wrongly")
    return reductions.scaled(op, graph, reduction, mean=False)
