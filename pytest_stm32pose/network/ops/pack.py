"""PACK: tensors of one shape joined along a new dimension. Kernel: firmware/kernels/ref/pack.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.image import MAX_OPERANDS
from pytest_stm32pose.network.ops.arg_max import PARAMS
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import axis_of, check_counts, operand, refusal

DTYPES = ("int8", "uint8", "int32", "float32")


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Bytes are copied as they are: quantisation plays no part, as in the reference."""
    check_counts(op, graph, range(1, MAX_OPERANDS))
    out = operand(op, graph, op.outputs[0], "output", DTYPES)
    axis = axis_of(op, graph, int(op.options["axis"]), len(out.shape))
    for index in op.inputs:
        part = operand(op, graph, index, "input", (out.dtype,))
        if (*part.shape[:axis], len(op.inputs), *part.shape[axis:]) != out.shape:
            reason = f"joins {len(op.inputs)} tensors of {list(part.shape)} to {list(out.shape)} along dimension {axis}"
            raise refusal(op, graph, reason)
    return Prepared(PARAMS.pack(axis), inputs=op.inputs, outputs=op.outputs)
