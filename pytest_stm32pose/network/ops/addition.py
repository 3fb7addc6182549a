"""What the rules of ADD and SUB share: int8 inputs on a common scale. Source: TensorFlow Lite, kernels/add.cc and
kernels/sub.cc (Prepare, general 8-bit case)."""

from __future__ import annotations

import struct

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.arithmetic import prepare_plain, read_operands
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier
from pytest_stm32pose.network.ops.operands import affine, fused_range, refusal

#: struct pose_add_params in firmware/kernels/params.h
PARAMS = struct.Struct("<3i9b7x")
_LEFT_SHIFT = 20  #: headroom the reference gives 8-bit inputs
_SCRATCH_BYTES = 2 * 256 * 4  #: pose_add_scratch_bytes() of kernels/dsp/add_tables.h: both inputs' terms


def prepare_addition(op: Op, graph: Graph) -> Prepared:
    """int8 inputs are scaled by 1 / (2 * the larger of their scales), the result back to the output's scale."""
    a, b, out = read_operands(op, graph)
    if out.dtype != "int8":
        return prepare_plain(op, graph)
    a_scale, a_zero = affine(op, graph, a, "first input")
    b_scale, b_zero = affine(op, graph, b, "second input")
    out_scale, out_zero = affine(op, graph, out, "output")
    low, high = fused_range(op, graph, out_scale, out_zero, "int8")
    common = 2.0 * float(max(a_scale, b_scale))
    out_real = common / float(np.float32(1 << _LEFT_SHIFT) * out_scale)
    if out_real >= 1.0:
        raise refusal(op, graph, "its inputs' scales are more than 2^19 times its output's")
    (a_mult, a_shift), (b_mult, b_shift) = (quantize_multiplier(float(s) / common) for s in (a_scale, b_scale))
    out_mult, out_shift = quantize_multiplier(out_real)
    params = PARAMS.pack(
        a_mult, b_mult, out_mult, a_shift, b_shift, out_shift, _LEFT_SHIFT, a_zero, b_zero, out_zero, low, high
    )
    return Prepared(params=params, inputs=op.inputs, outputs=op.outputs, scratch_bytes=_SCRATCH_BYTES)
