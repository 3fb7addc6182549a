"""SQRT, float32, correctly rounded. Kernel: firmware/kernels/ref/sqrt.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, check_same_shape, operand

#: The kernel takes an output that starts where its input does.
IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The root of every element."""
    check_counts(op, graph, (1,))
    source = operand(op, graph, op.inputs[0], "input", ("float32",))
    out = operand(op, graph, op.outputs[0], "output", ("float32",))
    check_same_shape(op, graph, source, out)
    return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
