"""DIV, float32 with broadcasting and fused activation. Kernel: firmware/kernels/ref/div.c.

Source: TensorFlow Lite, kernels/internal/reference/div.h and kernels/kernel_util.h (CalculateActivationRange).
"""

from __future__ import annotations

import struct

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import ACT_NONE, ACT_RELU, ACT_RELU6, ACT_RELU_N1_TO_1
from pytest_stm32pose.network.ops.operands import broadcast_shape, check_counts, operand, refusal

#: struct pose_div_params in firmware/kernels/params.h
PARAMS = struct.Struct("<2f")
_LARGEST = float(np.finfo(np.float32).max)
#: What the reference clamps to; without an activation infinities become the largest finite numbers.
_RANGES = {
    ACT_NONE: (-_LARGEST, _LARGEST),
    ACT_RELU: (0.0, _LARGEST),
    ACT_RELU_N1_TO_1: (-1.0, 1.0),
    ACT_RELU6: (0.0, 6.0),
}


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Quotients, correctly rounded, clamped to the activation's range."""
    check_counts(op, graph, (2,))
    a, b = (operand(op, graph, index, "input", ("float32",)) for index in op.inputs)
    out = operand(op, graph, op.outputs[0], "output", ("float32",))
    broadcast_shape(op, graph, a, b, out)
    activation = int(op.options["fused_activation_function"])
    if activation not in _RANGES:
        raise refusal(op, graph, f"the fused activation number {activation} is not supported")
    return Prepared(PARAMS.pack(*_RANGES[activation]), inputs=op.inputs, outputs=op.outputs)
