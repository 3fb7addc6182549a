"""What the rules of MAX_POOL_2D and AVERAGE_POOL_2D share (firmware/kernels/pool.h).

Source: TensorFlow Lite, kernels/pooling.cc.
"""

from __future__ import annotations

import struct

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import Prepared
from pytest_stm32pose.network.ops.convolution import window_axis
from pytest_stm32pose.network.ops.operands import affine, check_counts, fused_range, operand, refusal

#: struct pose_pool_params in firmware/kernels/params.h
PARAMS = struct.Struct("<6H2b2x")
MAX_WINDOW = 65536  #: POSE_POOL_MAX_WINDOW


def prepare_pooling(op: Op, graph: Graph) -> Prepared:
    """Checks window and quantisation, and packs the parameter block."""
    check_counts(op, graph, (1,))
    source = operand(op, graph, op.inputs[0], "input", ("int8",))
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    if len(source.shape) != 4 or len(out.shape) != 4 or source.shape[0] != out.shape[0]:
        raise refusal(op, graph, "its operands are not [N, H, W, C]")
    if source.shape[3] != out.shape[3]:
        raise refusal(op, graph, f"maps {source.shape[3]} channels to {out.shape[3]}")
    height, width = int(op.options["filter_height"]), int(op.options["filter_width"])
    rows = window_axis(op, graph, "h", source.shape[1], out.shape[1], height)
    columns = window_axis(op, graph, "w", source.shape[2], out.shape[2], width)
    if height * width > MAX_WINDOW:
        raise refusal(op, graph, f"its window has {height * width} positions; {MAX_WINDOW} are supported")
    scale, zero_point = affine(op, graph, out, "output")
    if affine(op, graph, source, "input") != (scale, zero_point):
        raise refusal(op, graph, "its input is quantised otherwise than its output, which the reference refuses")
    low, high = fused_range(op, graph, scale, zero_point, "int8")
    params = PARAMS.pack(
        height, width, rows.stride, columns.stride, rows.pad_before, columns.pad_before, low, high
    )  # fmt: skip
    return Prepared(params, inputs=op.inputs, outputs=op.outputs)
