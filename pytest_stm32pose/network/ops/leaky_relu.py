"""LEAKY_RELU, int8, by a table. Kernel: firmware/kernels/ref/leaky_relu.c.

Source: TensorFlow Lite, kernels/internal/reference/leaky_relu.h and kernels/activations.cc (LeakyReluPrepare).
"""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier, requantize
from pytest_stm32pose.network.ops.operands import affine, check_counts, check_same_shape, operand, refusal
from pytest_stm32pose.network.ops.tables import PARAMS, stored_values, table_bytes
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(75, (OptionField("alpha", 0, "<f", 0.0),))
MAX_VERSION = 2
_MAX_SHIFT = 22  #: 255 * 2^shift stays within 32 bits


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """x, or alpha * x where x is negative, of the 256 stored input values."""
    check_counts(op, graph, (1,))
    source = operand(op, graph, op.inputs[0], "input", ("int8",))
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    check_same_shape(op, graph, source, out)
    in_scale, in_zero = affine(op, graph, source, "input")
    out_scale, out_zero = affine(op, graph, out, "output")
    alpha = np.float32(op.options["alpha"])
    if not (np.isfinite(alpha) and alpha >= 0):
        raise refusal(op, graph, f"its alpha {alpha:g} is not a positive number or 0")
    identity = quantize_multiplier(float(in_scale / out_scale))
    slope = quantize_multiplier(float(in_scale * alpha / out_scale))
    if max(identity[1], slope[1]) > _MAX_SHIFT:
        raise refusal(op, graph, f"its input's scale is more than 2^{_MAX_SHIFT} times its output's")
    real = stored_values("int8") - in_zero
    result = np.where(real >= 0, requantize(real, *identity), requantize(real, *slope)) + out_zero
    return Prepared(PARAMS.pack(consts.add(table_bytes(result, "int8"))), inputs=op.inputs, outputs=op.outputs)
