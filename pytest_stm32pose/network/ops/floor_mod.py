"""FLOOR_MOD of int32 with broadcasting. Kernel: firmware/kernels/ref/floor_mod.c.

Source: TensorFlow Lite, kernels/floor_mod.cc. The device refuses a divisor of 0 when it meets one, as LiteRT does; a
constant one is refused here already.
"""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import broadcast_shape, check_counts, operand, refusal

MAX_VERSION = 2


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """What is left of a quotient rounded towards minus infinity; it has the divisor's sign."""
    check_counts(op, graph, (2,))
    a, b = (operand(op, graph, index, "input", ("int32",)) for index in op.inputs)
    broadcast_shape(op, graph, a, b, operand(op, graph, op.outputs[0], "output", ("int32",)))
    if b.data is not None and bool((b.data == 0).any()):
        raise refusal(op, graph, "it divides by a constant 0")
    return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
