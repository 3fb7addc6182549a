"""What the rules of CONV_2D and DEPTHWISE_CONV_2D share: geometry, requantisation, the parameter block.

Quantisation: TensorFlow Lite, kernels/kernel_util.cc (PopulateConvolutionQuantizationParams): effective scale =
input scale * filter scale / output scale, in double. Geometry: kernels/padding.h.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.base import ConstPool
from pytest_stm32pose.network.ops.fixed_point import Int64Array, quantize_multiplier, wrap_int32
from pytest_stm32pose.network.ops.operands import affine, check_scales, constant, fused_range, operand, refusal
from pytest_stm32pose.network.passes import EXPLICIT_PADDING

#: struct pose_conv_params in firmware/kernels/params.h
PARAMS = struct.Struct("<5I10H4b2H")
ROW_GROUP = 4  #: POSE_CONV_ROW_GROUP
TILE_GROUP = 8  #: POSE_CONV_TILE_GROUP
MAX_BLOCK_PIXELS = 144  #: POSE_CONV_MAX_BLOCK_PIXELS
MAX_TAPS = 65536  #: POSE_CONV_MAX_TAPS
RIGHT_SHIFTS = 1  #: POSE_CONV_RIGHT_SHIFTS
_SAME, _VALID = 0, 1


@dataclass(frozen=True)
class Axis:
    """One dimension of the window."""

    kernel: int
    stride: int
    dilation: int
    pad_before: int


@dataclass(frozen=True)
class Tile:
    """How a CONV_2D walks its weights; all zero for other convolutions.

    Attributes:
        rows: rows of weights (output channels) that are copied to scratch together and meet all pixels there.
        pixels: windows that are gathered together.
    """

    rows: int = 0
    pixels: int = 0


@dataclass(frozen=True)
class Convolution:
    """The operands of a convolution, checked. `weights` as stored in the .tflite."""

    source: Tensor
    out: Tensor
    weights: NDArray[np.int8]
    bias: Int64Array  #: [out channels]
    filter_scales: NDArray[np.float32]  #: [out channels]
    rows: Axis
    columns: Axis


def round_up(value: int, multiple: int) -> int:
    """The smallest multiple that is not below `value`."""
    return -(-value // multiple) * multiple


def read_convolution(op: Op, graph: Graph, channel_axis: int) -> Convolution:
    """Checks the operands; `channel_axis` is the filter's dimension of output channels. Raises ModelError."""
    source = operand(op, graph, op.inputs[0], "input", ("int8",))
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    weights = constant(op, graph, op.inputs[1], "filter", ("int8",))
    if len(source.shape) != 4 or len(out.shape) != 4 or weights.ndim != 4 or source.shape[0] != out.shape[0]:
        raise refusal(op, graph, "its operands are not [N, H, W, C]")
    channels = weights.shape[channel_axis]
    if out.shape[3] != channels:
        raise refusal(op, graph, f"its output has {out.shape[3]} channels, its filter {channels}")
    window = weights.shape[1:3]
    top, bottom, left, right = op.options.get(EXPLICIT_PADDING, (0, 0, 0, 0))
    rows = window_axis(op, graph, "h", source.shape[1], out.shape[1], window[0], (top, bottom))
    columns = window_axis(op, graph, "w", source.shape[2], out.shape[2], window[1], (left, right))
    scales = filter_scales(op, graph, graph.tensors[op.inputs[1]], channel_axis, channels)
    return Convolution(source, out, weights, bias_of(op, graph, channels), scales, rows, columns)


def window_axis(
    op: Op, graph: Graph, name: str, inner: int, out_size: int, kernel: int, around: tuple[int, int] = (0, 0)
) -> Axis:
    """Geometry along height ("h") or width ("w") of convolutions and pooling.

    `inner` pixels of the input with zero points `around` them that an absorbed PAD put there.
    """
    size = inner + sum(around)
    stride = int(op.options[f"stride_{name}"])
    dilation = int(op.options.get(f"dilation_{name}_factor", 1))
    padding = int(op.options["padding"])
    if not (1 <= stride < 65536 and 1 <= dilation < 65536 and 1 <= kernel < 65536):
        reason = f"kernel size {kernel}, stride {stride} or dilation {dilation} is not in 1..65535"
        raise refusal(op, graph, reason)
    reach = (kernel - 1) * dilation + 1
    if padding == _SAME:
        expected = -(-size // stride)
    elif padding == _VALID:
        expected = (size + stride - reach) // stride
    else:
        raise refusal(op, graph, f"the padding mode {padding} is not supported")
    if expected < 1 or expected != out_size:
        where = "height" if name == "h" else "width"
        raise refusal(op, graph, f"its output's {where} is {out_size}, its geometry gives {expected}")
    before = max(0, (out_size - 1) * stride + reach - size) // 2 + around[0]
    if before >= 65536 or out_size * stride + kernel * dilation >= 1 << 30:
        raise refusal(op, graph, "its window reaches too far")
    return Axis(kernel, stride, dilation, before)


def bias_of(op: Op, graph: Graph, channels: int) -> Int64Array:
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return np.zeros(channels, np.int64)
    bias = constant(op, graph, op.inputs[2], "bias", ("int32",)).astype(np.int64).reshape(-1)
    if bias.size != channels:
        raise refusal(op, graph, f"its bias has {bias.size} values for {channels} channels")
    return bias


def filter_scales(op: Op, graph: Graph, filters: Tensor, axis: int, channels: int) -> NDArray[np.float32]:
    quantization = filters.quantization
    count = quantization.scale.size
    if count not in (1, channels):
        raise refusal(op, graph, f"its filter has {count} scales for {channels} channels")
    if count > 1 and quantization.axis != axis:
        reason = f"its filter is quantised along dimension {quantization.axis}; supported: {axis}"
        raise refusal(op, graph, reason)
    if np.any(quantization.zero_point != 0):
        raise refusal(op, graph, "its filter has a zero point other than 0")
    check_scales(op, graph, quantization.scale, "filter")
    return np.broadcast_to(quantization.scale, (channels,))


def pack_convolution(
    op: Op,
    graph: Graph,
    consts: ConstPool,
    conv: Convolution,
    packed: NDArray[np.int8],
    per_channel: NDArray[np.int8],
    multiplier: int = 0,
    tile: Tile = Tile(),
) -> bytes:
    """Stores the constants and returns the parameter block.

    Args:
        packed: weights in the kernel's layout, [rows of the layout, weight stride].
        per_channel: the same weights as [out channels, taps].
        multiplier: output channels of an input channel (depthwise); otherwise groups of channels, 0 where all are one.
        tile: of a CONV_2D of all channels.
    """
    in_scale, in_zero = affine(op, graph, conv.source, "input")
    out_scale, out_zero = affine(op, graph, conv.out, "output")
    low, high = fused_range(op, graph, out_scale, out_zero, "int8")
    effective = np.float64(in_scale) * conv.filter_scales.astype(np.float64) / np.float64(out_scale)
    pairs = np.array([quantize_multiplier(float(scale)) for scale in effective], np.int64)
    if pairs[:, 1].max() > 30:
        raise refusal(op, graph, "the ratio of its scales is above 2^30")
    bias = wrap_int32(conv.bias - in_zero * per_channel.astype(np.int64).sum(axis=1))
    flags = RIGHT_SHIFTS if pairs[:, 1].max() <= -1 else 0
    rows = round_up(len(bias), ROW_GROUP)
    surplus = (0, rows - len(bias))
    return PARAMS.pack(
        consts.add(packed), packed.shape[1],
        consts.add(np.pad(bias, surplus).astype("<i4")),
        consts.add(np.pad(pairs[:, 0], surplus).astype("<i4")),
        consts.add(np.pad(pairs[:, 1], surplus, constant_values=-1).astype(np.int8)),
        conv.rows.kernel, conv.columns.kernel, conv.rows.stride, conv.columns.stride,
        conv.rows.dilation, conv.columns.dilation, conv.rows.pad_before, conv.columns.pad_before,
        multiplier, flags, in_zero, out_zero, low, high, tile.rows, tile.pixels,
    )  # fmt: skip
