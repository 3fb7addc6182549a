"""DEPTHWISE_CONV_2D, int8 activations and weights. Kernels: firmware/kernels/*/depthwise_conv_2d.c."""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.convolution import MAX_TAPS, Convolution, pack_convolution, read_convolution, round_up
from pytest_stm32pose.network.ops.operands import check_counts, refusal

MAX_WINDOW = 128  #: POSE_DEPTHWISE_MAX_WINDOW
#: The kernels make some rows of their output from the rows of the input that their window covers.
ROWS = ROW_WINDOW = True


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Weights stay as they are, one row of output channels per window position."""
    check_counts(op, graph, (2, 3))
    conv = read_convolution(op, graph, channel_axis=3)
    batch, height, width, channels = conv.weights.shape
    multiplier = int(op.options["depth_multiplier"])
    if batch != 1 or not 1 <= multiplier < 65536 or conv.source.shape[3] * multiplier != channels:
        inputs = conv.source.shape[3]
        reason = f"{channels} filters do not fit {inputs} input channels and depth multiplier {multiplier}"
        raise refusal(op, graph, reason)
    taps = height * width
    if taps > MAX_WINDOW or channels > MAX_TAPS:
        reason = f"a window of {height} x {width} on {channels} channels; {MAX_WINDOW} positions are supported"
        raise refusal(op, graph, reason)
    packed = conv.weights.reshape(taps, channels)
    return Prepared(
        params=pack_convolution(op, graph, consts, conv, packed, np.ascontiguousarray(packed.T), multiplier),
        inputs=(op.inputs[0],),
        outputs=op.outputs,
        scratch_bytes=max(_ref_scratch_bytes(conv.source.shape[3]), _dsp_scratch_bytes(conv), _mve_scratch_bytes(conv)),
        macs=int(np.prod(conv.out.shape)) * taps,
    )


def _ref_scratch_bytes(in_channels: int) -> int:
    """get_scratch_bytes() of kernels/ref/depthwise_conv_2d.c: one pixel of zero points."""
    return in_channels


def _dsp_scratch_bytes(conv: Convolution, turned_channels: int = 4) -> int:
    """get_scratch_bytes() of kernels/dsp/depthwise_conv_2d.c: a pixel of zero points and widened weights of groups.

    3x3 windows: a row of sums instead, and of some channels a turned row and what belongs to the channel.
    """
    in_channels, out_channels = conv.source.shape[3], conv.out.shape[3]
    if _is_turned(conv):
        columns = _turned_columns(conv.out.shape[2], conv.columns.stride)
        return round_up(in_channels, 8) + round_up(columns, 2) * 4 + turned_channels * (columns * 4 + 112)
    groups = in_channels // 4 if in_channels == out_channels else 0
    return round_up(in_channels, 8) + groups * conv.rows.kernel * conv.columns.kernel * 8


def _is_turned(conv: Convolution) -> bool:
    """is_turned() of the kernel: the common kind of window."""
    axes = conv.rows, conv.columns
    common = all(axis.kernel == 3 and axis.stride <= 2 and axis.dilation == 1 for axis in axes)
    return common and 4 <= conv.source.shape[3] == conv.out.shape[3]


def _turned_columns(width: int, stride: int) -> int:
    """pose_turned_columns() of kernels/dsp/turned.h."""
    return round_up(width + 2, 3) if stride == 1 else round_up(width + 1, 2) * 2


def _mve_scratch_bytes(conv: Convolution) -> int:
    """get_scratch_bytes() of kernels/mve/depthwise_conv_2d.c: a tile's weights, zero points, turned pixels."""
    _, height, width, channels = conv.out.shape
    stride = conv.columns.stride
    largest = 3 if stride == 1 else 4
    common = stride == conv.rows.stride <= 2 and conv.rows.dilation == conv.columns.dilation == 1
    common = common and max(conv.rows.kernel, conv.columns.kernel) <= largest and (width + 7) * channels < 65536
    if not common or conv.source.shape[3] != channels:
        return 0
    blocks = min(round_up(width, 8) // 2 * stride, 48) + 1
    lines = min(-(-height // 2) if stride == 1 else height, max(8192 // (blocks * 64) - 1, 4))
    return max(channels, 9 * 64 + 2 * 16 + (lines + 1) * blocks * 64)
