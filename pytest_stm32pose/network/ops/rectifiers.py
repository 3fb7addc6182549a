"""What the rules of RELU, RELU_N1_TO_1, RELU6 and RELU_0_TO_1 share (firmware/kernels/rectifier.h).

Source: TensorFlow Lite, kernels/activations.cc (QuantizedReluX) and kernels/internal/reference/reference_ops.h (ReluX).
"""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier, quantized_bound, requantize
from pytest_stm32pose.network.ops.operands import affine, refusal
from pytest_stm32pose.network.ops.tables import prepare_results, stored_values, unary_operands

_MAX_SHIFT = 22  #: 255 * 2^shift stays within 32 bits


def prepare_rectifier(op: Op, graph: Graph, consts: ConstPool, low: float, high: float | None) -> Prepared:
    """Values clamped to low..high (None: no upper bound) and scaled to the output. Raises ModelError."""
    source, out = unary_operands(op, graph, "int8", "uint8", "float32")
    if source.dtype == "float32":
        return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
    in_scale, in_zero = affine(op, graph, source, "input")
    out_scale, out_zero = affine(op, graph, out, "output")
    multiplier, shift = quantize_multiplier(float(in_scale / out_scale))
    if shift > _MAX_SHIFT:
        raise refusal(op, graph, f"its input's scale is more than 2^{_MAX_SHIFT} times its output's")
    info = np.iinfo(out.dtype)
    lowest = max(int(info.min), quantized_bound(low, out_scale, out_zero))
    highest = int(info.max) if high is None else min(int(info.max), quantized_bound(high, out_scale, out_zero))
    results = requantize(stored_values(source.dtype) - in_zero, multiplier, shift) + out_zero
    return prepare_results(op, consts, np.minimum(np.maximum(results, lowest), highest), out.dtype)
