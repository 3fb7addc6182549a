"""MUL of int8, float32 and int32, with broadcasting and fused activation. Kernels: firmware/kernels/*/mul.c.

Source: TensorFlow Lite, kernels/mul.cc (Prepare): effective scale in single precision.
"""

from __future__ import annotations

import struct

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.arithmetic import prepare_plain, read_operands
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier
from pytest_stm32pose.network.ops.operands import affine, fused_range, refusal

#: struct pose_mul_params in firmware/kernels/params.h
PARAMS = struct.Struct("<i6b2x")
MAX_SHIFT = 14  #: POSE_MUL_MAX_SHIFT
#: The kernels take an output that starts where input 0 does and is as large.
IN_PLACE = True
#: The kernels make row y of their output from row y of their inputs.
ROWS = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """int8: product of both stored values less their zero points, scaled to the output."""
    a, b, out = read_operands(op, graph)
    if out.dtype != "int8":
        return prepare_plain(op, graph)
    a_scale, a_zero = affine(op, graph, a, "first input")
    b_scale, b_zero = affine(op, graph, b, "second input")
    out_scale, out_zero = affine(op, graph, out, "output")
    low, high = fused_range(op, graph, out_scale, out_zero, "int8")
    multiplier, shift = quantize_multiplier(float(a_scale * b_scale / out_scale))
    if shift > MAX_SHIFT:
        raise refusal(op, graph, f"the product of its inputs' scales is 2^{MAX_SHIFT} times its output's or more")
    params = PARAMS.pack(multiplier, shift, a_zero, b_zero, out_zero, low, high)
    return Prepared(params=params, inputs=op.inputs, outputs=op.outputs)
