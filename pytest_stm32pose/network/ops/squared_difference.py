"""SQUARED_DIFFERENCE, float32 with broadcasting. Kernel: firmware/kernels/ref/squared_difference.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import broadcast_shape, check_counts, operand

#: The kernel takes an output that starts where input 0 does and is as large.
IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """(a - b) * (a - b), each step rounded to float32."""
    check_counts(op, graph, (2,))
    a, b = (operand(op, graph, index, "input", ("float32",)) for index in op.inputs)
    out = operand(op, graph, op.outputs[0], "output", ("float32",))
    broadcast_shape(op, graph, a, b, out)
    return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
