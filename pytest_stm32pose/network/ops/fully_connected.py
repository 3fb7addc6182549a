"""FULLY_CONNECTED, int8: constant weights with per-channel or per-tensor scales, or weights that the network computes
(attention, as some exporters write it). Kernel: firmware/kernels/ref/fully_connected.c.

Source: TensorFlow Lite, kernels/fully_connected.cc and kernels/kernel_util.cc (effective scale in double).
"""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.convolution import MAX_TAPS, ROW_GROUP, bias_of, filter_scales, round_up
from pytest_stm32pose.network.ops.fixed_point import quantize_multiplier, wrap_int32
from pytest_stm32pose.network.ops.operands import affine, check_counts, fused_range, operand, refusal
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
#: struct pose_product_params
PRODUCT_PARAMS = struct.Struct("<Ii6b2x")
MAX_PRODUCTS = 32768  #: POSE_MATMUL_MAX_DEPTH


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Weights [out, in] times every vector of `in` values of the input."""
    check_counts(op, graph, (2, 3))
    source = operand(op, graph, op.inputs[0], "input", ("int8",))
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    computed = operand(op, graph, op.inputs[1], "weights", ("int8",))
    weights = np.empty(computed.shape, np.int8) if computed.data is None else computed.data
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
    if computed.data is None and values > MAX_PRODUCTS:
        raise refusal(op, graph, f"sums {values} products of computed values; {MAX_PRODUCTS} are supported")
    return Prepared(
        params=_product_params(op, graph, consts, computed)
        if computed.data is None
        else _params(op, graph, consts, weights),
        inputs=op.inputs[: 2 if computed.data is None else 1],
        outputs=op.outputs,
        macs=vectors * values * channels,
    )


def _product_params(op: Op, graph: Graph, consts: ConstPool, weights: Tensor) -> bytes:
    """One scale and zero point each: the weights are activations."""
    in_scale, in_zero = affine(op, graph, graph.tensors[op.inputs[0]], "input")
    scale, zero = affine(op, graph, weights, "weights")
    out_scale, out_zero = affine(op, graph, graph.tensors[op.outputs[0]], "output")
    low, high = fused_range(op, graph, out_scale, out_zero, "int8")
    multiplier, shift = quantize_multiplier(float(in_scale) * float(scale) / float(out_scale))
    if shift > 30:
        raise refusal(op, graph, "the ratio of its scales is above 2^30")
    bias = consts.add(bias_of(op, graph, weights.shape[0]).astype("<i4"))
    return PRODUCT_PARAMS.pack(bias, multiplier, shift, in_zero, zero, out_zero, low, high)


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
