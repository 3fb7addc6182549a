"""SPLIT_V of any element type, into parts of any sizes. Kernel: firmware/kernels/ref/split_v.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.joints import PARAMS, checked_axis
from pytest_stm32pose.network.ops.operands import check_counts, constant, operand, refusal
from pytest_stm32pose.network.ops.walks import MOVABLE, integers
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(79, (OptionField("num_splits", 0, "<i", 0),))
MAX_VERSION = 3


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The outputs lie side by side in operand 0; operand 1 has their sizes (-1: the rest), operand 2 the axis."""
    check_counts(op, graph, (3,), outputs=max(1, int(op.options["num_splits"])))
    source = operand(op, graph, op.inputs[0], "input", MOVABLE)
    sizes = integers(op, graph, 1, "sizes")
    axis = constant(op, graph, op.inputs[2], "axis", ("int32",))
    parts = [operand(op, graph, index, "output", (source.dtype,)) for index in op.outputs]
    at = checked_axis(op, graph, axis, source, parts)
    if len(sizes) != len(parts) or any(n not in (-1, p.shape[at]) for n, p in zip(sizes, parts, strict=True)):
        raise refusal(op, graph, f"its sizes {sizes} are not those of its outputs along dimension {at}")
    return Prepared(PARAMS.pack(at, 0), inputs=op.inputs[:1], outputs=op.outputs)
