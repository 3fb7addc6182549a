"""CONV_2D, int8 activations and weights, per-channel or per-tensor scales, of all channels or in groups of them.

Kernels: firmware/kernels/*/conv_2d.c.
"""

from __future__ import annotations

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.convolution import (
    MAX_BLOCK_PIXELS,
    MAX_TAPS,
    ROW_GROUP,
    TILE_GROUP,
    Convolution,
    Tile,
    pack_convolution,
    read_convolution,
    round_up,
)
from pytest_stm32pose.network.ops.operands import check_counts, refusal

#: The kernels make some rows of their output from the rows of the input that their window covers.
ROWS = ROW_WINDOW = True

_WIDENED_TILE_BYTES = 98304  #: of 16-bit weights for the DSP instructions: most layers' all
_TILE_BYTES = 16384
_GATHERED_TILE_BYTES = 20480
_STRIP_BYTES = 8192  #: of each of two
_WINDOWS_BYTES = 32768  #: with all rows of the tile but four
_POINTWISE_PIXELS = 4


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Weights become rows of kernel height x kernel width x channels, padded to whole words and groups of rows."""
    check_counts(op, graph, (2, 3))
    conv = read_convolution(op, graph, channel_axis=0)
    channels, _, _, in_channels = conv.weights.shape
    groups = conv.source.shape[3] // in_channels
    if groups * in_channels != conv.source.shape[3] or not 0 < groups < 65536 or channels % groups:
        shapes = f"its input has {conv.source.shape[3]} channels, its filter {in_channels}"
        raise refusal(op, graph, f"{shapes}, its output {channels}; these are no whole groups")
    per_channel = conv.weights.reshape(channels, -1)
    taps = per_channel.shape[1]
    if taps > MAX_TAPS or channels > MAX_TAPS:
        raise refusal(op, graph, f"it sums {taps} products into {channels} channels; {MAX_TAPS} of each are supported")
    surplus = ((0, round_up(channels, ROW_GROUP) - channels), (0, round_up(taps, 4) - taps))
    packed = np.pad(per_channel, surplus)
    _, height, width, _ = conv.out.shape
    tile = choose_tile(conv, taps) if groups == 1 else Tile()
    return Prepared(
        params=pack_convolution(op, graph, consts, conv, packed, per_channel, 0 if groups == 1 else groups, tile),
        inputs=(op.inputs[0],),
        outputs=op.outputs,
        scratch_bytes=_scratch_bytes(conv, taps, tile) if groups == 1 else round_up(taps, 4),
        macs=conv.out.shape[0] * height * width * channels * taps,
        scratch_wanted=_wanted_scratch_bytes(in_channels, taps, channels) if groups == 1 else 0,
    )


def choose_tile(conv: Convolution, taps: int) -> Tile:
    """As many rows of weights as, arranged in scratch, fill about half of a Cortex-M55's data cache of 32 KiB.

    Windows that do not lie in the picture are gathered anew for every tile: tiles are larger there.
    """
    padded = round_up(taps, 16)
    rows = round_up(conv.weights.shape[0], ROW_GROUP)
    _, height, width, _ = conv.out.shape
    strips, pointwise = has_strips(conv), is_pointwise(conv)
    fit = (_TILE_BYTES if pointwise else _GATHERED_TILE_BYTES) // padded // TILE_GROUP * TILE_GROUP
    rows = min(rows, max(fit, TILE_GROUP))
    if pointwise:
        return Tile(rows, _POINTWISE_PIXELS)
    if strips:
        column = conv.rows.kernel * conv.source.shape[3]
        fit = (_STRIP_BYTES // column - conv.columns.kernel) // conv.columns.stride + 1
        return Tile(rows, 2 * min(width, max(fit, 1), MAX_BLOCK_PIXELS // 2))
    fit = (_WINDOWS_BYTES - max(0, rows - ROW_GROUP) * padded) // padded // 2 * 2
    return Tile(rows, min(max(fit, 2), MAX_BLOCK_PIXELS, round_up(height * width, 2)))


def is_pointwise(conv: Convolution) -> bool:
    """Whether the input's pixels are the windows."""
    return all((axis.kernel, axis.stride, axis.pad_before) == (1, 1, 0) for axis in (conv.rows, conv.columns))


def has_strips(conv: Convolution) -> bool:
    """pose_mve_has_strips() of kernels/mve/strips.h: whether windows overlap in whole vectors."""
    columns = conv.columns
    return conv.source.shape[3] % 16 == 0 and columns.kernel > columns.stride and columns.dilation == 1


def _scratch_bytes(conv: Convolution, taps: int, tile: Tile) -> int:
    """Of the neediest set. Groups need pose_grouped_scratch_bytes() of kernels/grouped.h instead: one window."""
    in_channels = conv.source.shape[3]
    dsp = _dsp_scratch_bytes(in_channels, taps)
    return max(_ref_scratch_bytes(in_channels), dsp, _mve_scratch_bytes(conv, taps, tile))


def _ref_scratch_bytes(in_channels: int) -> int:
    """get_scratch_bytes() of kernels/ref/conv_2d.c: one pixel of zero points."""
    return in_channels


def _dsp_scratch_bytes(in_channels: int, taps: int) -> int:
    """get_scratch_bytes() of kernels/dsp/conv_2d.c: four windows of 16-bit values, one row, one gathered window."""
    stride = round_up(taps, 4)
    return stride * 4 * 2 + _dsp_row_bytes(taps) + (stride if in_channels % 4 else 0)


def _dsp_row_bytes(taps: int) -> int:
    """get_row_bytes() of kernels/dsp/conv_2d.c: 16-bit weights and what requantises their sums."""
    return round_up(taps, 4) * 2 + 16


def _wanted_scratch_bytes(in_channels: int, taps: int, channels: int) -> int:
    """For the set `dsp`: seven windows, and all rows of weights or a tile of as many as are given room.

    Windows are widened anew for every tile, so that the more rows it has, the better.
    """
    stride = round_up(taps, 4)
    rows = min(channels, max(_WIDENED_TILE_BYTES // _dsp_row_bytes(taps), 1))
    return stride * 7 * 2 + rows * _dsp_row_bytes(taps) + (stride if in_channels % 4 else 0)


def _mve_scratch_bytes(conv: Convolution, taps: int, tile: Tile) -> int:
    """get_scratch_bytes() of kernels/mve/conv_2d.c: sums of 144 pixels, a tile's constants and weights, windows."""
    windows = round_up(taps, 16) * tile.pixels
    if has_strips(conv):
        columns = (tile.pixels // 2 - 1) * conv.columns.stride + conv.columns.kernel
        windows = 2 * columns * conv.rows.kernel * conv.source.shape[3]
    groups = round_up(tile.rows, TILE_GROUP) // TILE_GROUP * 104
    return MAX_BLOCK_PIXELS * 2 * 4 * 4 + groups + round_up(taps, 16) * tile.rows + windows + 16
