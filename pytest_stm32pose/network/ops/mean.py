"""MEAN over constant dimensions, int8 and float32. Kernel: firmware/kernels/ref/mean.c.

Source: TensorFlow Lite, kernels/internal/reference/reduce.h (QuantizedMeanOrSum, Mean).
"""

from __future__ import annotations

import math
import struct

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier
from pytest_stm32pose.network.ops.operands import affine, axis_of, check_counts, constant, operand, refusal
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(27, (OptionField("keep_dims", 0, "<?", False),))
MAX_VERSION = 3
#: struct pose_mean_params in firmware/kernels/params.h
PARAMS = struct.Struct("<i3bB")
MAX_ELEMENTS = 4194304  #: POSE_MEAN_MAX_ELEMENTS


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """The averaged dimensions vanish, or stay as 1 (keep_dims)."""
    check_counts(op, graph, (2,))
    source = operand(op, graph, op.inputs[0], "input", ("int8", "float32"))
    out = operand(op, graph, op.outputs[0], "output", (source.dtype,))
    axes = {
        axis_of(op, graph, axis, len(source.shape))
        for axis in constant(op, graph, op.inputs[1], "axis", ("int32",)).reshape(-1)
    }
    if not axes:
        raise refusal(op, graph, "it averages no dimension")
    kept = [1 if i in axes else size for i, size in enumerate(source.shape)]
    if not op.options["keep_dims"]:
        kept = [size for i, size in enumerate(source.shape) if i not in axes]
    if out.shape != tuple(kept):
        raise refusal(
            op, graph, f"maps {list(source.shape)} to {list(out.shape)}, its dimensions {sorted(axes)} averaged"
        )
    count = math.prod(source.shape[axis] for axis in axes)
    if count > MAX_ELEMENTS:
        raise refusal(op, graph, f"it averages {count} values; {MAX_ELEMENTS} are supported")
    reduced = sum(1 << axis for axis in axes)
    if source.dtype == "float32":
        return Prepared(PARAMS.pack(0, 0, 0, 0, reduced), inputs=op.inputs[:1], outputs=op.outputs)
    return Prepared(_int8_params(op, graph, source, out, count, reduced), inputs=op.inputs[:1], outputs=op.outputs)


def _int8_params(op: Op, graph: Graph, source: Tensor, out: Tensor, count: int, reduced: int) -> bytes:
    """1 / count becomes part of the multiplier, by an integer division."""
    in_scale, in_zero = affine(op, graph, source, "input")
    out_scale, out_zero = affine(op, graph, out, "output")
    multiplier, shift = quantize_multiplier(float(np.float64(in_scale) / np.float64(out_scale)))
    if shift > 30:
        raise refusal(op, graph, "its input's scale is more than 2^30 times its output's")
    headroom = min(count.bit_length() - 1, 32, 31 + shift)
    return PARAMS.pack((multiplier << headroom) // count, shift - headroom, in_zero, out_zero, reduced)
