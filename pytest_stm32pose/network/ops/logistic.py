"""LOGISTIC, int8, by a table; also with the MUL by its input that it absorbed (SiLU). Kernel: kernels/ref/logistic.c.

Source: TensorFlow Lite, kernels/internal/common.h (LUTPopulate) and kernels/activations.cc: single precision
throughout, for the reference kernels too (found by trying inputs that tell it from the fixed-point formula of
reference/integer_ops/logistic.h). The product: kernels/mul.cc and reference/integer_ops/mul.h.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier, requantize
from pytest_stm32pose.network.ops.operands import (
    affine,
    check_counts,
    check_same_shape,
    fused_range,
    operand,
    refusal,
)
from pytest_stm32pose.network.ops.tables import PARAMS, stored_values, table_bytes

#: The kernel takes an output that starts where its input does.
IN_PLACE = True
#: The kernel makes row y of its output from row y of its input.
ROWS = True
_OUTPUT = (np.float32(1 / 256), -128)  #: the only output quantisation the reference takes


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """1 / (1 + exp(-x)) of the 256 stored input values, or x times that."""
    if not op.absorbed:
        stored = _logistic(op, graph)
    else:
        logistic, product = op.absorbed
        stored = _times_input(product, graph, logistic, np.clip(_logistic(logistic, graph), -128, 127))
    return Prepared(PARAMS.pack(consts.add(table_bytes(stored, "int8"))), inputs=op.inputs, outputs=op.outputs)


def _times_input(product: Op, graph: Graph, logistic: Op, gate: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the MUL stores for each stored input, given what the LOGISTIC stored for it."""
    source, middle, out = (graph.tensors[t] for t in (*logistic.inputs, *logistic.outputs, *product.outputs))
    scale, zero_point = affine(product, graph, out, "output")
    low, high = fused_range(product, graph, scale, zero_point, "int8")
    in_scale, in_zero = affine(product, graph, source, "input")
    gate_scale, gate_zero = affine(product, graph, middle, "input")
    scales = (in_scale, gate_scale) if product.inputs[0] == source.index else (gate_scale, in_scale)
    multiplier, shift = quantize_multiplier(float(scales[0] * scales[1] / scale))  # single precision, as the reference
    if shift > 15:
        raise refusal(product, graph, "the ratio of its scales is above 2^15")
    products = (stored_values("int8") - in_zero) * (gate - gate_zero)
    return np.clip(requantize(products, multiplier, shift) + zero_point, low, high)


def _logistic(op: Op, graph: Graph) -> NDArray[np.int64]:
    check_counts(op, graph, (1,))
    source = operand(op, graph, op.inputs[0], "input", ("int8",))
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    check_same_shape(op, graph, source, out)
    if affine(op, graph, out, "output") != _OUTPUT:
        raise refusal(op, graph, "its output is not quantised with scale 1/256 and zero point -128")
    in_scale, in_zero = affine(op, graph, source, "input")
    real = in_scale * (stored_values("int8") - in_zero).astype(np.float32)
    with np.errstate(over="ignore"):  # exp() of a large number is infinite, its inverse 0
        exponential = np.exp(-real.astype(np.float64)).astype(np.float32)
    result = np.float32(1) / (np.float32(1) + exponential)
    return np.floor(result.astype(np.float64) * 256 + 0.5).astype(np.int64) + _OUTPUT[1]
