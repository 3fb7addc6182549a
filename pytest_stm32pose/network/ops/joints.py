"""What the rules of CONCATENATION and SPLIT share: tensors side by side along one axis (firmware/kernels/joints.h)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from pytest_stm32pose.network.graph import Graph, Op, Tensor
from pytest_stm32pose.network.ops.operands import axis_of, refusal

#: struct pose_axis_params in firmware/kernels/params.h
PARAMS = struct.Struct("<2I")


def checked_axis(op: Op, graph: Graph, axis: NDArray[Any] | int, whole: Tensor, parts: Sequence[Tensor]) -> int:
    """The axis counted from 0; refused unless the parts add up to the whole along it and agree with it elsewhere."""
    rank = len(whole.shape)
    at = axis_of(op, graph, axis, rank)
    others = [(*part.shape[:at], *part.shape[at + 1 :]) for part in (whole, *parts)]
    ranks_fit = all(len(part.shape) == rank for part in parts)
    if not ranks_fit or len(set(others)) != 1 or sum(part.shape[at] for part in parts) != whole.shape[at]:
        shapes = " and ".join(str(list(part.shape)) for part in parts)
        raise refusal(op, graph, f"{shapes} do not make {list(whole.shape)} along dimension {at}")
    return at
