"""LOGISTIC, int8, by a table. Kernel: firmware/kernels/ref/logistic.c.

Source: TensorFlow Lite, kernels/internal/common.h (LUTPopulate) and kernels/activations.cc: single precision
throughout, for the reference kernels too (found by trying inputs that tell it from the fixed-point formula of
reference/integer_ops/logistic.h).
"""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import affine, check_counts, check_same_shape, operand, refusal
from pytest_stm32pose.network.ops.tables import PARAMS, stored_values, table_bytes

_OUTPUT = (np.float32(1 / 256), -128)  #: the only output quantisation the reference takes


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """1 / (1 + exp(-x)) of the 256 stored input values."""
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
    stored = np.floor(result.astype(np.float64) * 256 + 0.5).astype(np.int64) + _OUTPUT[1]
    return Prepared(PARAMS.pack(consts.add(table_bytes(stored, "int8"))), inputs=op.inputs, outputs=op.outputs)
