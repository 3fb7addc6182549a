"""Labels made on a picture as it is stored, turned upright as its EXIF orientation turns the picture. Pure.

Orientations: CIPA DC-008 (Exif 2.32), 4.6.4 "Orientation". Coordinates count from the left and top edge, so that the
mirror image of x in a picture of width w is w - x. Where an orientation mirrors, keypoints keep their names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.types import Truth

Floats = NDArray[np.float64]
_Turn = Callable[[Floats, Floats, int, int], tuple[Floats, Floats]]

#: x, y, width and height as stored -> x, y upright.
_TURNS: dict[int, _Turn] = {
    1: lambda x, y, w, h: (x, y),
    2: lambda x, y, w, h: (w - x, y),
    3: lambda x, y, w, h: (w - x, h - y),
    4: lambda x, y, w, h: (x, h - y),
    5: lambda x, y, w, h: (y, x),
    6: lambda x, y, w, h: (h - y, x),
    7: lambda x, y, w, h: (h - y, w - x),
    8: lambda x, y, w, h: (y, w - x),
}


@dataclass(frozen=True)
class Raster:
    """A picture file as it is stored. Lengths in pixels."""

    width: int
    height: int
    orientation: int = 1  #: EXIF, 1..8; 1 is upright

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height of the file."""
        return self.width, self.height

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height after turning."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def turned(truth: Truth, raster: Raster) -> Truth:
    """Labels in pixels of the picture as stored -> in pixels of the upright picture."""
    turn = _TURNS[raster.orientation]
    points = truth.keypoints_px.copy()
    labelled = points[..., 2] > 0
    x, y = turn(points[..., 0], points[..., 1], *raster.stored)
    # The coordinates of what is not labelled mean nothing; zeros stay zeros.
    points[..., 0], points[..., 1] = np.where(labelled, x, points[..., 0]), np.where(labelled, y, points[..., 1])
    boxes = truth.boxes_px
    first = np.stack(turn(boxes[:, 0], boxes[:, 1], *raster.stored), axis=1)
    second = np.stack(turn(boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3], *raster.stored), axis=1)
    low, high = np.minimum(first, second), np.maximum(first, second)
    return Truth(points, np.concatenate([low, high - low], axis=1), truth.areas_px, truth.crowd)
