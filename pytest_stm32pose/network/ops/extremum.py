"""What the rules of MAXIMUM and MINIMUM share. Source: TensorFlow Lite, kernels/maximum_minimum.cc."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.arithmetic import read_operands
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.operands import affine, refusal


def prepare_extremum(op: Op, graph: Graph) -> Prepared:
    """Stored values are compared as they are, which is right only where all are quantised alike. Raises ModelError."""
    a, b, out = read_operands(op, graph)
    if a.dtype == "int8":
        first, second, third = (
            affine(op, graph, t, w) for t, w in ((a, "first input"), (b, "second input"), (out, "output"))
        )
        if not first == second == third:
            raise refusal(op, graph, "its inputs and output are quantised differently; the reference ignores that")
    return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
