"""FULLY_CONNECTED, int8, per-channel or per-tensor scales. Kernel: firmware/kernels/ref/fully_connected.c.

Source: TensorFlow Lite, kernels/fully_connected.cc and kernels/kernel_util.cc (effective scale in double).
"""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.convolution import MAX_TAPS, ROW_GROUP, bias_of, filter_scales, round_up
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier, wrap_int32
from pytest_stm32pose.network.ops.operands import affine, check_counts, constant, fused_range, operand, refusal
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(
    8,
    (
        OptionField("fused_activation_function", 0, "<b", 0),
        OptionField("weights_format", 1, "<b", 0),
        OptionField("keep_num_dims", 2, "<?", False),
    ),
)
MAX_VERSION = 12
#: struct pose_dense_params in firmware/kernels/params.h
PARAMS = struct.Struct("<5I3bx")


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Weights [out, in] times every vector of `in` values of the input."""
    check_counts(op, graph, (2, 3))
    source = operand(op, graph, op.inputs[0], "input", ("int8",))
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    weights = constant(op, graph, op.inputs[1], "weights", ("int8",))
    if weights.ndim != 2 or int(op.options["weights_format"]) != 0:
        raise refusal(op, graph, "its weights are not [outputs, inputs] in the plain order")
    channels, values = weights.shape
    vectors = math.prod(source.shape) // values
    kept = source.shape[:-1] if op.options["keep_num_dims"] else (vectors,)
    if vectors * values != math.prod(source.shape) or out.shape != (*kept, channels):
        shapes = f"{list(source.shape)} to {list(out.shape)} with weights {list(weights.shape)}"
        raise refusal(op, graph, f"maps {shapes}")
    if max(values, channels) > MAX_TAPS:
        raise refusal(op, graph, f"its weights are {list(weights.shape)}; {MAX_TAPS} of each are supported")
    return Prepared(
        params=_params(op, graph, consts, weights),
        inputs=op.inputs[:1],
        outputs=op.outputs,
        macs=vectors * values * channels,
    )


def _params(op: Op, graph: Graph, consts: ConstPool, weights: NDArray[np.int8]) -> bytes:
    channels, values = weights.shape
    in_scale, in_zero = affine(op, graph, graph.tensors[op.inputs[0]], "input")
    out_scale, out_zero = affine(op, graph, graph.tensors[op.outputs[0]], "output")
    low, high = fused_range(op, graph, out_scale, out_zero, "int8")
    scales = filter_scales(op, graph, graph.tensors[op.inputs[1]], 0, channels)
    effective = np.float64(in_scale) * scales.astype(np.float64) / np.float64(out_scale)
    pairs = np.array([quantize_multiplier(float(scale)) for scale in effective], np.int64)
    if pairs[:, 1].max() > 30:
        raise refusal(op, graph, "the ratio of its scales is above 2^30")
    bias = wrap_int32(bias_of(op, graph, channels) - in_zero * weights.astype(np.int64).sum(axis=1))
    surplus = (0, round_up(channels, ROW_GROUP) - channels)
    packed = np.pad(weights, (surplus, (0, round_up(values, 4) - values)))
    return PARAMS.pack(
        consts.add(packed), packed.shape[1],
        consts.add(np.pad(bias, surplus).astype("<i4")),
        consts.add(np.pad(pairs[:, 0], surplus).astype("<i4")),
        consts.add(np.pad(pairs[:, 1], surplus, constant_values=-1).astype(np.int8)),
        out_zero, low, high,
    )  # fmt: skip
