"""FLOOR, float32. Kernel: firmware/kernels/ref/floor.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.tables import unary_operands

#: The kernel takes an output that starts where its input does, and makes row y of it from row y of its input.
IN_PLACE = ROWS = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The largest whole number that is not above the value."""
    unary_operands(op, graph, "float32")
    return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
