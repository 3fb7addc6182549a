"""RESIZE_NEAREST_NEIGHBOR of any element type. Kernel: firmware/kernels/ref/resize_nearest_neighbor.c.

Source: TensorFlow Lite, kernels/internal/reference/resize_nearest_neighbor.h: positions in single precision.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op
from pytest_stm32pose.network.ops.base import ConstPool, Prepared
from pytest_stm32pose.network.ops.operands import check_counts, constant, refusal
from pytest_stm32pose.network.ops.walks import moved

#: struct pose_nearest_params in firmware/kernels/params.h
PARAMS = struct.Struct("<2I")
_MAX_SIZE = 16384


def prepare(op: Op, graph: Graph, consts: ConstPool) -> Prepared:
    """Which input row and column every output pixel takes is worked out here."""
    check_counts(op, graph, (2,))
    source, out = moved(op, graph)
    size = constant(op, graph, op.inputs[1], "size", ("int32",)).reshape(-1)
    shapes_fit = len(source.shape) == 4 and out.shape == (source.shape[0], *map(int, size), source.shape[3])
    if not shapes_fit:
        raise refusal(op, graph, f"maps {list(source.shape)} to {list(out.shape)} with size {size.tolist()}")
    if max(*source.shape[1:3], *out.shape[1:3]) > _MAX_SIZE:
        raise refusal(op, graph, f"pictures up to {_MAX_SIZE} pixels wide and high are supported")
    align_corners, half_pixel = bool(op.options["align_corners"]), bool(op.options["half_pixel_centers"])
    offsets = [
        consts.add(_positions(source.shape[axis], out.shape[axis], align_corners, half_pixel)) for axis in (1, 2)
    ]
    return Prepared(PARAMS.pack(*offsets), inputs=op.inputs[:1], outputs=op.outputs)


def _positions(before: int, after: int, align_corners: bool, half_pixel: bool) -> NDArray[np.uint16]:
    """Input position of every output position."""
    if align_corners and after > 1:
        scale = np.float32(before - 1) / np.float32(after - 1)
    else:
        scale = np.float32(before) / np.float32(after)
    place = (np.arange(after, dtype=np.float32) + np.float32(0.5 if half_pixel else 0.0)) * scale
    whole = np.floor(place.astype(np.float64) + (0.5 if align_corners else 0.0))
    return np.clip(whole, 0, before - 1).astype(np.uint16)
