"""QUANTIZE: float32 to 8 bits, and between 8-bit types by a table. Kernel: firmware/kernels/ref/quantize.c.

Source: TensorFlow Lite, kernels/quantize.cc and kernels/internal/reference/requantize.h.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier, requantize
from pytest_stm32pose.network.ops.operands import affine, check_counts, check_same_shape, operand, refusal
from pytest_stm32pose.network.ops.tables import stored_values, table_bytes

#: struct pose_affine_params in firmware/kernels/params.h
PARAMS = struct.Struct("<fiI")
#: The kernel takes an output that starts where its input does, also when elements of four bytes become one.
IN_PLACE = RESIZES_IN_PLACE = True
#: The kernel makes row y of its output from row y of its input.
ROWS = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Integer inputs are requantised here, for all 256 stored values; float inputs on the device."""
    check_counts(op, graph, (1,))
    source = operand(op, graph, op.inputs[0], "input", ("int8", "uint8", "float32"))
    out = operand(op, graph, op.outputs[0], "output", ("int8", "uint8"))
    check_same_shape(op, graph, source, out)
    scale, zero_point = affine(op, graph, out, "output")
    table_off = 0
    if source.dtype != "float32":
        table_off = consts.add(table_bytes(requantized(op, graph, source, out), out.dtype))
    return Prepared(PARAMS.pack(scale, zero_point, table_off), inputs=op.inputs, outputs=op.outputs)


def requantized(op: Op, graph: Graph, source: Tensor, out: Tensor) -> NDArray[np.int64]:
    """Results for the 256 stored values of the input, in the order of the table."""
    in_scale, in_zero = affine(op, graph, source, "input")
    out_scale, out_zero = affine(op, graph, out, "output")
    multiplier, shift = quantize_multiplier(float(in_scale) / float(out_scale))
    if shift > 22:  # the reference overflows: 255 * 2^shift must stay within 32 bits
        raise refusal(op, graph, "its input's scale is more than 2^22 times its output's")
    return requantize(stored_values(source.dtype) - in_zero, multiplier, shift) + out_zero
