"""PAD of 8-bit tensors, filled with the output's zero point. Kernel: firmware/kernels/ref/pad.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import affine, check_counts, operand
from pytest_stm32pose.network.ops.padding import DTYPES, prepare_padding

#: The kernel takes an output that starts where its input does.
IN_PLACE = True
RESIZES_IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The filling is what the output stores for 0.0."""
    check_counts(op, graph, (2,))
    out = operand(op, graph, op.outputs[0], "output", DTYPES)
    _, zero_point = affine(op, graph, out, "output")
    return prepare_padding(op, graph, zero_point)
