"""TRANSPOSE_CONV, int8, per-channel or per-tensor scales. Kernel: firmware/kernels/ref/transpose_conv.c.

Source: TensorFlow Lite, kernels/transpose_conv.cc: the padding is that of a convolution from the output to the input.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.convolution import (
    MAX_TAPS,
    ROW_GROUP,
    Axis,
    Convolution,
    bias_of,
    filter_scales,
    pack_convolution,
    round_up,
)
from pytest_stm32pose.network.ops.operands import affine, check_counts, constant, operand, refusal
from pytest_stm32pose.network.schema import OptionField, OptionTable

OPTIONS = OptionTable(
    49,
    (
        OptionField("padding", 0, "<b", 0),
        OptionField("stride_w", 1, "<i", 0),
        OptionField("stride_h", 2, "<i", 0),
        OptionField("fused_activation_function", 3, "<b", 0),
    ),
)
MAX_VERSION = 5
_SAME, _VALID = 0, 1


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Operands: the output's shape, weights [out, height, width, in], the input, a bias or none."""
    check_counts(op, graph, (3, 4))
    source = operand(op, graph, op.inputs[2], "input", ("int8",))
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    weights = constant(op, graph, op.inputs[1], "filter", ("int8",))
    shape = constant(op, graph, op.inputs[0], "output shape", ("int32",))
    if (
        len(source.shape) != 4
        or weights.ndim != 4
        or tuple(shape.reshape(-1).tolist()) != out.shape
        or len(out.shape) != 4
    ):
        raise refusal(op, graph, "its operands are not [N, H, W, C], or its output has another shape than it was given")
    channels, _, _, in_channels = weights.shape
    if source.shape[0] != out.shape[0] or source.shape[3] != in_channels or out.shape[3] != channels:
        shapes = f"{list(source.shape)} to {list(out.shape)} with a filter {list(weights.shape)}"
        raise refusal(op, graph, f"maps {shapes}")
    rows = _axis(op, graph, "h", source.shape[1], out.shape[1], weights.shape[1])
    columns = _axis(op, graph, "w", source.shape[2], out.shape[2], weights.shape[2])
    per_channel = weights.reshape(channels, -1)
    taps = per_channel.shape[1]
    if max(taps, channels) > MAX_TAPS:
        raise refusal(op, graph, f"it sums {taps} products into {channels} channels; {MAX_TAPS} of each are supported")
    # The kernel takes zero points off the values it reads, so the bias stays the network's own.
    _, in_zero = affine(op, graph, source, "input")
    bias_op = dataclasses.replace(op, inputs=(op.inputs[2], op.inputs[1], *op.inputs[3:]))
    bias = bias_of(bias_op, graph, channels) + in_zero * per_channel.astype(np.int64).sum(axis=1)
    scales = filter_scales(op, graph, graph.tensors[op.inputs[1]], 0, channels)
    conv = Convolution(source, out, weights, bias, scales, rows, columns)
    surplus = ((0, round_up(channels, ROW_GROUP) - channels), (0, round_up(taps, 4) - taps))
    return Prepared(
        params=pack_convolution(op, graph, consts, conv, np.pad(per_channel, surplus), per_channel),
        inputs=(op.inputs[2],),
        outputs=op.outputs,
        macs=source.shape[0] * source.shape[1] * source.shape[2] * channels * taps,
    )


def _axis(op: Op, graph: Graph, name: str, size: int, out_size: int, kernel: int) -> Axis:
    stride, padding = int(op.options[f"stride_{name}"]), int(op.options["padding"])
    if not (1 <= stride < 65536 and 1 <= kernel < 65536 and padding in (_SAME, _VALID)):
        raise refusal(op, graph, f"kernel size {kernel}, stride {stride} or padding mode {padding} is not supported")
    expected = -(-out_size // stride) if padding == _SAME else (out_size + stride - kernel) // stride
    if expected != size:
        where = "height" if name == "h" else "width"
        raise refusal(op, graph, f"its input's {where} is {size}, its output's {out_size} needs {expected}")
    before = max(0, (size - 1) * stride + kernel - out_size) // 2
    if before >= 65536 or size * stride + kernel >= 1 << 30:
        raise refusal(op, graph, "its window reaches too far")
    return Axis(kernel, stride, 1, before)
