"""SQUARED_DIFFERENCE, int8 and float32 with broadcasting. Kernel: firmware/kernels/ref/squared_difference.c.

Source: TensorFlow Lite, kernels/squared_difference.cc (Prepare, SquaredDifference).
"""

from __future__ import annotations

import struct

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier
from pytest_stm32pose.network.ops.operands import affine, broadcast_shape, check_counts, operand, refusal

#: struct pose_difference_params in firmware/kernels/params.h
PARAMS = struct.Struct("<3i7bx")
_LEFT_SHIFT = 7  #: headroom the reference gives: (2^8 * 2^7)^2 is below 2^31
#: The kernel takes an output that starts where input 0 does and is as large.
IN_PLACE = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """float32: (a - b) * (a - b), each step rounded; int8: on a common scale, as ADD."""
    check_counts(op, graph, (2,))
    a = operand(op, graph, op.inputs[0], "input", ("int8", "float32"))
    b = operand(op, graph, op.inputs[1], "input", (a.dtype,))
    out = operand(op, graph, op.outputs[0], "output", (a.dtype,))
    broadcast_shape(op, graph, a, b, out)
    params = b"" if a.dtype == "float32" else _int8_params(op, graph, a, b, out)
    return Prepared(params, inputs=op.inputs, outputs=op.outputs)


def _int8_params(op: Op, graph: Graph, a: Tensor, b: Tensor, out: Tensor) -> bytes:
    """Inputs are scaled by 1 / (2 * the larger of their scales), the square back to the output's scale."""
    a_scale, a_zero = affine(op, graph, a, "first input")
    b_scale, b_zero = affine(op, graph, b, "second input")
    out_scale, out_zero = affine(op, graph, out, "output")
    common = 2.0 * float(max(a_scale, b_scale))
    out_real = common * common / ((1 << (2 * _LEFT_SHIFT)) * float(out_scale))
    if out_real >= 1.0:
        raise refusal(op, graph, "the square of its inputs' scales is more than 2^12 times its output's")
    pairs = [quantize_multiplier(real) for real in (float(a_scale) / common, float(b_scale) / common, out_real)]
    multipliers, shifts = zip(*pairs, strict=True)
    return PARAMS.pack(*multipliers, *shifts, _LEFT_SHIFT, a_zero, b_zero, out_zero)
