"""MEAN over constant dimensions, int8 and float32. Kernel: firmware/kernels/ref/mean.c.

Source: TensorFlow Lite, kernels/internal/reference/reduce.h (QuantizedMeanOrSum, Mean).
"""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops import reductions
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier
from pytest_stm32pose.network.ops.operands import affine, refusal

OPTIONS = reductions.OPTIONS
MAX_VERSION = 3


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The averaged dimensions vanish, or stay as 1 (keep_dims)."""
    reduction = reductions.read_reduction(op, graph, ("int8", "float32"), "average")
    if reduction.source.dtype == "float32":
        return reductions.plain(op, reduction)
    return _scaled(op, graph, reduction)


def _scaled(op: Op, graph: Graph, reduction: reductions.Reduction) -> Prepared:
    """1 / count becomes part of the multiplier, by an integer division."""
    in_scale, in_zero = affine(op, graph, reduction.source, "input")
    out_scale, out_zero = affine(op, graph, reduction.out, "output")
    multiplier, shift = quantize_multiplier(float(np.float64(in_scale) / np.float64(out_scale)))
    if shift > 30:
        raise refusal(op, graph, "its input's scale is more than 2^30 times its output's")
    headroom = min(reduction.count.bit_length() - 1, 32, 31 + shift)
    multiplier, shift = (multiplier << headroom) // reduction.count, shift - headroom
    params = reductions.PARAMS.pack(multiplier, shift, in_zero, out_zero, reduction.reduced)
    return Prepared(params, inputs=op.inputs[:1], outputs=op.outputs)
