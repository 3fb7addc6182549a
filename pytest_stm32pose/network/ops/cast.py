"""CAST of 8-bit integers to float32 or int32, of int32 to float32. Kernel: firmware/kernels/ref/cast.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, check_same_shape, operand, refusal

#: Source type -> types it may become. A cast that could lose a value (float32 to int32) is left out: where it does,
#: C leaves the result undefined and processors differ.
_CASTS = {
    "int8": ("float32", "int32"),
    "uint8": ("float32", "int32"),
    "int32": ("float32",),
    "bool": ("float32", "int32"),
}
#: The kernel makes row y of its output from row y of its input.
ROWS = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Stored values are converted as they are, quantisation plays no part; int32 to float32 rounds to even."""
    check_counts(op, graph, (1,))
    source = operand(op, graph, op.inputs[0], "input", tuple(_CASTS))
    out = operand(op, graph, op.outputs[0], "output", ("float32", "int32"))
    check_same_shape(op, graph, source, out)
    if out.dtype not in _CASTS[source.dtype]:
        raise refusal(op, graph, f"a cast of {source.dtype} to {out.dtype} is not supported")
    return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
