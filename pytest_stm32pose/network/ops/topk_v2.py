"""TOPK_V2 along the last dimension: the k largest, the first of equal ones first.

Kernel: firmware/kernels/ref/topk_v2.c. Source: TensorFlow Lite, kernels/topk_v2.cc.
"""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, constant, operand, refusal

MAX_VERSION = 3


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Output 0 has the values, output 1 their places."""
    check_counts(op, graph, (2,), outputs=2)
    source = operand(op, graph, op.inputs[0], "input", ("int8", "uint8", "int32", "float32"))
    count = constant(op, graph, op.inputs[1], "k", ("int32",)).reshape(-1)
    values = operand(op, graph, op.outputs[0], "output", (source.dtype,))
    places = operand(op, graph, op.outputs[1], "second output", ("int32",))
    if count.size != 1 or not source.shape or not 1 <= int(count[0]) <= source.shape[-1]:
        raise refusal(op, graph, f"k is {count.tolist()} for {list(source.shape)}")
    if values.shape != (*source.shape[:-1], int(count[0])) or places.shape != values.shape:
        raise refusal(op, graph, f"maps {list(source.shape)} to {list(values.shape)} and {list(places.shape)}")
    return Prepared(b"", inputs=op.inputs[:1], outputs=op.outputs)
