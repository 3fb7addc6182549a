"""What the rules of ADD, SUB and MUL share: broadcasting, and float32 and int32 operands
(firmware/kernels/arithmetic.h)."""

from __future__ import annotations

import struct

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.fixed_point import ACT_NONE, ACT_RELU, ACT_RELU6, ACT_RELU_N1_TO_1, ACTIVATION_NAMES
from pytest_stm32pose.network.ops.operands import broadcast_shape, check_counts, operand, refusal

#: struct pose_range_params in firmware/kernels/params.h
PARAMS = struct.Struct("<2f2i")
DTYPES = ("int8", "int32", "float32")
_FLOAT_MAX = float(np.finfo(np.float32).max)
_INT_MAX = (1 << 31) - 1
#: Activation -> range of its results for float32 and int32.
_RANGES = {
    ACT_NONE: (-_FLOAT_MAX, _FLOAT_MAX, -_INT_MAX - 1, _INT_MAX),
    ACT_RELU: (0.0, _FLOAT_MAX, 0, _INT_MAX),
    ACT_RELU_N1_TO_1: (-1.0, 1.0, -1, 1),
    ACT_RELU6: (0.0, 6.0, 0, 6),
}


def read_operands(op: Op, graph: Graph) -> tuple[Tensor, Tensor, Tensor]:
    """(first input, second input, output): of one type, and the inputs broadcast to the output. Raises ModelError."""
    check_counts(op, graph, (2,))
    a = operand(op, graph, op.inputs[0], "input", DTYPES)
    b = operand(op, graph, op.inputs[1], "second input", (a.dtype,))
    out = operand(op, graph, op.outputs[0], "output", (a.dtype,))
    broadcast_shape(op, graph, a, b, out)
    return a, b, out


def prepare_plain(op: Op, graph: Graph) -> Prepared:
    """Parameter block of float32 and int32 operands."""
    activation = int(op.options["fused_activation_function"])
    if activation not in _RANGES:
        known = 0 <= activation < len(ACTIVATION_NAMES)
        name = ACTIVATION_NAMES[activation] if known else f"number {activation}"
        raise refusal(op, graph, f"the fused activation {name} is not supported")
    return Prepared(PARAMS.pack(*_RANGES[activation]), inputs=op.inputs, outputs=op.outputs)
