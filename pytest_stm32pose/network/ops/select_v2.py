"""SELECT_V2 of any element type with broadcasting. Kernel: firmware/kernels/ref/select_v2.c."""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, operand, refusal
from pytest_stm32pose.network.ops.walks import MOVABLE

MAX_VERSION = 2


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The second input where the first is true, else the third."""
    check_counts(op, graph, (3,))
    condition = operand(op, graph, op.inputs[0], "condition", ("bool",))
    chosen = operand(op, graph, op.inputs[1], "input", MOVABLE)
    other = operand(op, graph, op.inputs[2], "second input", (chosen.dtype,))
    out = operand(op, graph, op.outputs[0], "output", (chosen.dtype,))
    shapes = [each.shape for each in (condition, chosen, other)]
    try:
        fits = np.broadcast_shapes(*shapes) == out.shape
    except ValueError:
        fits = False
    if not fits:
        said = ", ".join(str(list(shape)) for shape in shapes)
        raise refusal(op, graph, f"{said} do not broadcast to {list(out.shape)}")
    return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
