"""PRELU, int8, with alpha broadcast to the input. Kernel: firmware/kernels/ref/prelu.c.

Source: TensorFlow Lite, kernels/internal/reference/prelu.h and kernels/activations.cc (PreluPrepare).
"""

from __future__ import annotations

import struct

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier
from pytest_stm32pose.network.ops.operands import (
    affine,
    broadcast_shape,
    check_counts,
    check_same_shape,
    constant,
    operand,
    refusal,
)

#: struct pose_prelu_params in firmware/kernels/params.h
PARAMS = struct.Struct("<2i5b3x")
_MAX_SHIFT = 14  #: 255 * 255 * 2^shift stays within 32 bits


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Alpha is constant, one value per channel or any shape that broadcasts."""
    check_counts(op, graph, (2,))
    source = operand(op, graph, op.inputs[0], "input", ("int8",))
    constant(op, graph, op.inputs[1], "alpha", ("int8",))
    alpha = graph.tensors[op.inputs[1]]
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    check_same_shape(op, graph, source, out)
    broadcast_shape(op, graph, source, alpha, out)
    in_scale, in_zero = affine(op, graph, source, "input")
    alpha_scale, alpha_zero = affine(op, graph, alpha, "alpha")
    out_scale, out_zero = affine(op, graph, out, "output")
    multiplier, shift = quantize_multiplier(float(in_scale / out_scale))
    alpha_multiplier, alpha_shift = quantize_multiplier(float(in_scale * alpha_scale / out_scale))
    if max(shift, alpha_shift) > _MAX_SHIFT:
        raise refusal(op, graph, f"its input's scale is more than 2^{_MAX_SHIFT} times its output's")
    params = PARAMS.pack(multiplier, alpha_multiplier, shift, alpha_shift, in_zero, alpha_zero, out_zero)
    return Prepared(params, inputs=op.inputs, outputs=op.outputs)
