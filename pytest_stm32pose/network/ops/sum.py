"""SUM over constant dimensions, int32 and float32. Kernel: firmware/kernels/ref/sum.c.

Source: TensorFlow Lite, kernels/reduce.cc (EvalSum). Its reference kernel reads int8 as uint8 (its optimised one does
not), so that nothing can say what is right there.
"""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops import reductions
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import refusal

OPTIONS = reductions.OPTIONS
MAX_VERSION = 2


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The added dimensions vanish, or stay as 1 (keep_dims)."""
    if op.inputs and op.inputs[0] >= 0 and graph.tensors[op.inputs[0]].dtype == "int8":
        reason = "LiteRT's reference kernel takes int8 for uint8 in a SUM, so there is nothing to compare with"
        raise refusal(op, graph, f"{reason}; use MEAN (tf.reduce_mean) and multiply by the number of elements")
    return reductions.plain(op, reductions.read_reduction(op, graph, ("int32", "float32"), "accumulate"))
