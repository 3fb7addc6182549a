"""DEQUANTIZE of 8-bit values to float32. Kernel: firmware/kernels/ref/dequantize.c."""

from __future__ import annotations

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import affine, check_counts, check_same_shape, operand
from pytest_stm32pose.network.ops.quantize import PARAMS

#: The kernel makes row y of its output from row y of its input.
ROWS = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """scale * (stored value - zero point), both of the input."""
    check_counts(op, graph, (1,))
    source = operand(op, graph, op.inputs[0], "input", ("int8", "uint8"))
    out = operand(op, graph, op.outputs[0], "output", ("float32",))
    check_same_shape(op, graph, source, out)
    scale, zero_point = affine(op, graph, source, "input")
    return Prepared(PARAMS.pack(scale, zero_point, 0), inputs=op.inputs, outputs=op.outputs)
