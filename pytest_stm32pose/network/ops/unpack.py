"""UNPACK: one tensor taken apart along a dimension that vanishes. Kernel: firmware/kernels/ref/unpack.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.image import MAX_OPERANDS
from pytest_stm32pose.network.ops.arg_max import PARAMS
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import axis_of, check_counts, operand, refusal
from pytest_stm32pose.network.ops.pack import DTYPES

#: The kernel takes an output that starts where input 0 does (the only output, then).
IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Bytes are copied as they are: quantisation plays no part, as in the reference."""
    check_counts(op, graph, (1,), len(op.outputs))
    source = operand(op, graph, op.inputs[0], "input", DTYPES)
    axis = axis_of(op, graph, int(op.options["axis"]), len(source.shape))
    if not 1 <= len(op.outputs) == source.shape[axis] < MAX_OPERANDS:
        raise refusal(op, graph, f"takes {list(source.shape)} apart along dimension {axis} into {len(op.outputs)}")
    for index in op.outputs:
        part = operand(op, graph, index, "output", (source.dtype,))
        if part.shape != source.shape[:axis] + source.shape[axis + 1 :]:
            raise refusal(op, graph, f"takes {list(source.shape)} apart along dimension {axis} into {list(part.shape)}")
    return Prepared(PARAMS.pack(axis), inputs=op.inputs, outputs=op.outputs)
