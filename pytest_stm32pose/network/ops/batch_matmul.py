"""BATCH_MATMUL, int8, either side transposed, outer dimensions broadcast. Kernel: firmware/kernels/ref/batch_matmul.c.

Source: TensorFlow Lite, kernels/batch_matmul.cc and kernels/kernel_util.cc (product of the scales in single precision).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier
from pytest_stm32pose.network.ops.operands import affine, check_counts, operand, refusal
from pytest_stm32pose.network.ops.walks import strides
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(101, (OptionField("adj_x", 0, "<?", False), OptionField("adj_y", 1, "<?", False)))
MAX_VERSION = 4
MAX_RANK = 5
MAX_DEPTH = 32768  #: POSE_MATMUL_MAX_DEPTH
#: struct pose_matmul_params in firmware/kernels/params.h
PARAMS = struct.Struct("<16Ii4b")


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """[..., rows, depth] times [..., depth, columns]."""
    check_counts(op, graph, (2,))
    a, b = (operand(op, graph, index, "input", ("int8",)) for index in op.inputs)
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    if not all(2 <= len(tensor.shape) <= MAX_RANK for tensor in (a, b)):
        raise refusal(
            op, graph, f"multiplies {list(a.shape)} by {list(b.shape)}; 2 to {MAX_RANK} dimensions are supported"
        )
    a_shape, a_steps = _padded(a.shape, bool(op.options["adj_x"]))
    b_shape, b_steps = _padded(b.shape, bool(op.options["adj_y"]))
    try:
        outer = np.broadcast_shapes(a_shape[:3], b_shape[:3])
    except ValueError:
        outer = (0,)
    rows, depth, columns = a_shape[3], a_shape[4], b_shape[4]
    rank = max(len(a.shape), len(b.shape))
    if depth != b_shape[3] or out.shape != (*outer, rows, columns)[MAX_RANK - rank :]:
        raise refusal(op, graph, f"multiplies {list(a.shape)} by {list(b.shape)} to {list(out.shape)}")
    if depth > MAX_DEPTH:
        raise refusal(op, graph, f"sums {depth} products; {MAX_DEPTH} are supported")
    a_scale, a_zero = affine(op, graph, a, "first input")
    b_scale, b_zero = affine(op, graph, b, "second input")
    out_scale, out_zero = affine(op, graph, out, "output")
    multiplier, shift = quantize_multiplier(float(a_scale * b_scale) / float(out_scale))
    if shift > 30:
        raise refusal(op, graph, "the ratio of its scales is above 2^30")
    params = PARAMS.pack(*outer, rows, depth, columns, *a_steps, *b_steps, multiplier, shift, a_zero, b_zero, out_zero)
    return Prepared(params, inputs=op.inputs, outputs=op.outputs, macs=math.prod(outer) * rows * depth * columns)


def _padded(shape: Sequence[int], transposed: bool) -> tuple[tuple[int, ...], list[int]]:
    """(sizes, steps) of five dimensions, the last two in the order of the product; a size of 1 steps nowhere."""
    sizes = (1,) * (MAX_RANK - len(shape)) + tuple(shape)
    steps = [0 if size == 1 else step for size, step in zip(sizes, strides(sizes), strict=True)]
    if transposed:
        sizes, steps = (*sizes[:3], sizes[4], sizes[3]), [*steps[:3], steps[4], steps[3]]
    return sizes, steps
