"""SPLIT of any element type. Kernel: firmware/kernels/ref/split.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.joints import PARAMS, checked_axis
from pytest_stm32pose.network.ops.operands import check_counts, constant, operand
from pytest_stm32pose.network.ops.walks import MOVABLE


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Operand 0 is the axis; the outputs lie side by side in operand 1."""
    check_counts(op, graph, (2,), outputs=max(1, int(op.options["num_splits"])))
    axis = constant(op, graph, op.inputs[0], "axis", ("int32",))
    source = operand(op, graph, op.inputs[1], "input", MOVABLE)
    parts = [operand(op, graph, index, "output", (source.dtype,)) for index in op.outputs]
    at = checked_axis(op, graph, axis, source, parts)
    return Prepared(PARAMS.pack(at, 0), inputs=op.inputs[1:], outputs=op.outputs)
