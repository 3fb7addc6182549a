"""RESIZE_BILINEAR, int8. Kernel: firmware/kernels/ref/resize_bilinear.c.

Source: TensorFlow Lite, kernels/resize_bilinear.cc and kernels/internal/reference/resize_bilinear.h.
"""

from __future__ import annotations

import struct

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, constant, operand, refusal

#: struct pose_resize_params in firmware/kernels/params.h
PARAMS = struct.Struct("<2B2x")
_MAX_SIZE = 16384
_ONE_PIXEL = 1024  #: positions are in 1/1024 of an input pixel


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Quantisation plays no part: stored values are interpolated."""
    check_counts(op, graph, (2,))
    source = operand(op, graph, op.inputs[0], "input", ("int8",))
    out = operand(op, graph, op.outputs[0], "output", ("int8",))
    size = constant(op, graph, op.inputs[1], "size", ("int32",)).reshape(-1)
    shapes_fit = len(source.shape) == 4 and out.shape == (source.shape[0], *map(int, size), source.shape[3])
    if not shapes_fit:
        raise refusal(op, graph, f"maps {list(source.shape)} to {list(out.shape)} with size {size.tolist()}")
    align_corners, half_pixel = bool(op.options["align_corners"]), bool(op.options["half_pixel_centers"])
    if align_corners and half_pixel:
        raise refusal(op, graph, "align_corners and half_pixel_centers exclude each other")
    for axis in (1, 2):
        before, after = source.shape[axis], out.shape[axis]
        if max(before, after) > _MAX_SIZE or _overshoots(before, after, align_corners, half_pixel):
            raise refusal(op, graph, f"resizing {before} to {after} pixels is beyond the reference's 1/1024 steps")
    return Prepared(PARAMS.pack(align_corners, half_pixel), inputs=(op.inputs[0],), outputs=op.outputs)


def _overshoots(before: int, after: int, align_corners: bool, half_pixel: bool) -> bool:
    """Whether the rounded step carries the last position past the input, where the reference reads out of bounds."""
    if align_corners and after > 1:
        step = (_ONE_PIXEL * (before - 1) + (after - 1) // 2) // (after - 1)
    else:
        step = (_ONE_PIXEL * before + after // 2) // after
    last = (after - 1) * step + (step // 2 - _ONE_PIXEL // 2 if half_pixel else 0)
    return step * after > (1 << 30) - 1 or last // _ONE_PIXEL >= before
