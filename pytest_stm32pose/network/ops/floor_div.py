"""FLOOR_DIV, int32 and float32 with broadcasting. Kernel: firmware/kernels/ref/floor_div.c.

Source: TensorFlow Lite, kernels/floor_div.cc. The device refuses an integer divisor of 0 when it meets one, as LiteRT
does; a constant one is refused here already.
"""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import broadcast_shape, check_counts, operand, refusal


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The quotient rounded towards minus infinity."""
    check_counts(op, graph, (2,))
    out = operand(op, graph, op.outputs[0], "output", ("int32", "float32"))
    a, b = (operand(op, graph, index, "input", (out.dtype,)) for index in op.inputs)
    broadcast_shape(op, graph, a, b, out)
    if b.data is not None and bool((b.data == 0).any()):
        raise refusal(op, graph, "it divides by a constant 0")
    return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
