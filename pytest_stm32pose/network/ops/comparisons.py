"""What the rules of LESS, GREATER, EQUAL and their like share (firmware/kernels/comparison.h)."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.operands import broadcast_shape, check_counts, operand


def prepare_comparison(op: Op, graph: Graph) -> Prepared:
    """Two inputs of int32 or float32, with broadcasting; 8-bit ones the reference would scale first. Raises
    ModelError."""
    check_counts(op, graph, (2,))
    a = operand(op, graph, op.inputs[0], "input", ("int32", "float32"))
    b = operand(op, graph, op.inputs[1], "second input", (a.dtype,))
    out = operand(op, graph, op.outputs[0], "output", ("bool",))
    broadcast_shape(op, graph, a, b, out)
    return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
