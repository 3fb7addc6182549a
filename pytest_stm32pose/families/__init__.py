"""Network families: which one a network belongs to, and its host decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import Family, ScoredFamily
from pytest_stm32pose.families.heatmap import Heatmap
from pytest_stm32pose.families.single_pose import SinglePose
from pytest_stm32pose.families.yolo import BOX_ROWS, YoloPose, check_anchors

__all__ = ["Family", "ScoredFamily", "decode", "family", "family_of"]

#: More channels than any keypoint set of the field (whole-body sets have 133) are not keypoints.
MAX_KEYPOINTS = 255

_FAMILIES: dict[str, Family] = {each.name: each for each in (Heatmap(), SinglePose(), YoloPose())}
_SUPPORTED = (
    "Supported is: heatmap, one output [1, H, W, K] with one map per keypoint; "
    "single_pose, one output [1, 1, K, 3] with a row y, x, score per keypoint; "
    "yolo, one output [1, 5 + 3 K, N] with one column per anchor."
)


def family(name: str) -> Family:
    """The decoder of a family.

    Raises:
        ModelError: no such family in this version.
    """
    try:
        return _FAMILIES[name]
    except KeyError:
        raise ModelError(f"There is no decoder for the network family {name!r}.", remedy=_SUPPORTED) from None


def decode(
    name: str, outputs: Sequence[NDArray[Any]], keypoints: int
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Keypoints [persons, K, 3] of a family, and [persons] scores where its persons have them, descending.

    Raises:
        ModelError: no such family, or outputs that are not its.
    """
    decoder = family(name)
    if isinstance(decoder, ScoredFamily):
        return decoder.decode_scored(outputs, keypoints)
    return decoder.decode(outputs, keypoints), None


def family_of(output_shapes: Sequence[Sequence[int]]) -> tuple[str, int]:
    """Family and keypoint count of a network with these output shapes, in the .tflite's order.

    Raises:
        ModelError: no family of this version has such outputs; says which are supported.
    """
    shapes = [tuple(int(size) for size in shape) for shape in output_shapes]
    shown = ", ".join(str(list(shape)) for shape in shapes) or "none"
    if len(shapes) == 1:
        shape = shapes[0]
        one_row_of_three = len(shape) == 4 and shape[:2] == (1, 1) and shape[3] == 3
        if one_row_of_three and 1 <= shape[2] <= MAX_KEYPOINTS:
            return SinglePose.name, shape[2]
        if len(shape) == 3 and shape[0] == 1 and shape[1] > BOX_ROWS and (shape[1] - BOX_ROWS) % 3 == 0:
            check_anchors(shape[2])
            return YoloPose.name, (shape[1] - BOX_ROWS) // 3
        rank_4 = len(shape) == 4 and shape[0] == 1 and min(shape) >= 1
        if rank_4 and not one_row_of_three and shape[3] <= MAX_KEYPOINTS:
            return Heatmap.name, shape[3]
    raise ModelError(f"Outputs {shown} belong to no known pose network family.", remedy=_SUPPORTED)
