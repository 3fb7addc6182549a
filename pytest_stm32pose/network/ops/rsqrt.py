"""RSQRT of int8 (by a table) and float32. Kernel: firmware/kernels/ref/rsqrt.c.

Source: TensorFlow Lite, kernels/elementwise.cc (RsqrtEvalQuantized), which refuses negative values; here they become
the smallest value, for the golden never comes so far.
"""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier, requantize
from pytest_stm32pose.network.ops.inverse_roots import inverse_root
from pytest_stm32pose.network.ops.operands import affine, refusal
from pytest_stm32pose.network.ops.tables import prepare_results, stored_values, unary_operands

MAX_VERSION = 3
#: The kernel takes an output that starts where its input does, and makes row y of it from row y of its input.
IN_PLACE = ROWS = True
_SHIFT = 20  #: keeps 1 / sqrt(n) whole
_MIN, _MAX = -128, 127


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """One by the root of every element."""
    source, out = unary_operands(op, graph, "int8", "float32")
    if source.dtype != "int8":
        return Prepared(b"", inputs=op.inputs, outputs=op.outputs)
    in_scale, in_zero = affine(op, graph, source, "input")
    out_scale, out_zero = affine(op, graph, out, "output")
    with np.errstate(over="ignore", divide="ignore"):
        multiplier, shift = quantize_multiplier(float(np.float32(1) / (np.sqrt(in_scale) * out_scale)))
    if not -31 <= shift - _SHIFT <= 10:
        raise refusal(op, graph, f"the scales {in_scale:g} and {out_scale:g} are beyond the reference's arithmetic")
    results = []
    for value in (stored_values("int8") - in_zero).tolist():
        root, root_shift = inverse_root(value)
        data = requantize(np.array([1], np.int64), root, root_shift + _SHIFT)
        result = int(requantize(data, multiplier, shift - _SHIFT)[0]) + out_zero
        results.append(_MIN if value < 0 else _MAX if value == 0 else result)
    return prepare_results(op, consts, np.array(results, np.int64), "int8")
