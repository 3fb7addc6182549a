"""ABS of int8 (by a table), int32 and float32. Kernel: firmware/kernels/ref/abs.c.

Source: TensorFlow Lite, kernels/elementwise.cc (AbsEvalQuantized): scaled only where the scales differ.
"""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier, requantize
from pytest_stm32pose.network.ops.operands import affine, refusal
from pytest_stm32pose.network.ops.tables import prepare_results, stored_values, unary_operands

MAX_VERSION = 3
#: The kernel takes an output that starts where its input does, and makes row y of it from row y of its input.
IN_PLACE = ROWS = True
_MAX_SHIFT = 22  #: 255 * 2^shift stays within 32 bits


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The value without its sign."""
    source, out = unary_operands(op, graph, "int8", "int32", "float32")
    if source.dtype != "int8":
        return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
    in_scale, in_zero = affine(op, graph, source, "input")
    out_scale, out_zero = affine(op, graph, out, "output")
    values = np.abs(stored_values("int8") - in_zero)
    if in_scale != out_scale:
        multiplier, shift = quantize_multiplier(float(in_scale / out_scale))
        if shift > _MAX_SHIFT:
            raise refusal(op, graph, f"its input's scale is more than 2^{_MAX_SHIFT} times its output's")
        values = requantize(values, multiplier, shift)
    return prepare_results(op, consts, values + out_zero, "int8")
