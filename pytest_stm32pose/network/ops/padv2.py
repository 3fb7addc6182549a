"""PADV2 of 8-bit tensors, filled with a constant of the network. Kernel: firmware/kernels/ref/padv2.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import affine, check_counts, constant, operand, refusal
from pytest_stm32pose.network.ops.padding import DTYPES, prepare_padding

#: The kernel takes an output that starts where its input does.
IN_PLACE = True
RESIZES_IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The filling must be stored with the output's quantisation, as the reference demands."""
    check_counts(op, graph, (3,))
    out = operand(op, graph, op.outputs[0], "output", DTYPES)
    value = constant(op, graph, op.inputs[2], "filling", (out.dtype,))
    if value.size != 1:
        raise refusal(op, graph, f"its filling has {value.size} values instead of one")
    filling = affine(op, graph, graph.tensors[op.inputs[2]], "filling")
    if filling != affine(op, graph, out, "output"):
        raise refusal(op, graph, "its filling is quantised differently from its output")
    return prepare_padding(op, graph, int(value.reshape(-1)[0]))
