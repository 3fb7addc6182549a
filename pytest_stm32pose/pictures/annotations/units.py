"""Are labels pixels or fractions of the picture? Told for keypoints, boxes and areas apart, over a whole file. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.reading import LabelledImage
from pytest_stm32pose.types import Truth

#: Fractions reach from 0 to 1; those of what lies somewhat outside the picture reach further.
_LOWEST, _HIGHEST = -0.5, 1.5
#: Below this side, fractions and pixels cannot be told apart by their size.
_MIN_SIDE_PX = 4
#: So many keypoints of a picture, or corners of a box, within its first pixel are no pixels.
_MANY_POINTS, _MANY_CORNERS = 3, 2
#: A person of this box has a segment of more than one square pixel.
_MIN_BOX_PX2 = 16.0

_Unit = Literal["fractions", "pixels", "unclear"]


@dataclass(frozen=True)
class Units:
    """Of one picture: which of its labels are fractions of the picture."""

    points: bool
    boxes: bool
    areas: bool


def units_of(source: str, images: Sequence[LabelledImage], sizes: Sequence[tuple[int, int]]) -> list[Units]:
    """The units of each picture's labels.

    Raises:
        ImageError: most pictures have pixels, and some have what only fractions explain.
    """
    points = _decide(source, "keypoints", images, sizes, [_labelled(image.truth) for image in images], _MANY_POINTS)
    boxes = _decide(source, "boxes", images, sizes, [_corners(image.truth) for image in images], _MANY_CORNERS)
    return [
        Units(point, box, _are_area_fractions(image.truth, box))
        for image, point, box in zip(images, points, boxes, strict=True)
    ]


def _decide(
    source: str,
    what: str,
    images: Sequence[LabelledImage],
    sizes: Sequence[tuple[int, int]],
    coordinates: Sequence[NDArray[np.float64]],
    many: int,
) -> list[bool]:
    units = [_unit(values, size) for values, size in zip(coordinates, sizes, strict=True)]
    if "pixels" not in units:
        return ["fractions" in units and bool(values.size) for values in coordinates]
    for image, unit, values in zip(images, units, coordinates, strict=True):
        if unit == "fractions" and len(values) >= many:
            pixels = images[units.index("pixels")].file_name
            raise ImageError(
                f"{source} gives {what} of {image.file_name} as fractions of the picture (0..1), "
                f"those of {pixels} in pixels.",
                remedy="Give all of them in pixels.",
            )
    return [False] * len(units)


def _unit(coordinates: NDArray[np.float64], size: tuple[int, int]) -> _Unit:
    if not coordinates.size or min(size) < _MIN_SIDE_PX:
        return "unclear"
    if coordinates.min() < _LOWEST or coordinates.max() > _HIGHEST:
        return "pixels"
    # Whole numbers are corners of pixels: nobody stands in the corners of the picture alone.
    return "fractions" if (coordinates != np.round(coordinates)).any() else "unclear"


def _labelled(truth: Truth) -> NDArray[np.float64]:
    """[N, 2] of the labelled keypoints."""
    points = truth.keypoints_px
    return np.asarray(points[points[..., 2] > 0][:, :2])


def _corners(truth: Truth) -> NDArray[np.float64]:
    """[2 N, 2] of the boxes of labelled persons that are not empty."""
    labelled = (truth.keypoints_px[..., 2] > 0).any(axis=1)
    boxes = truth.boxes_px[labelled & (truth.boxes_px[:, 2:] > 0).all(axis=1)]
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def _are_area_fractions(truth: Truth, boxes: bool) -> bool:
    """Areas of at most one picture, of persons whose boxes are fractions too or too large for one square pixel."""
    areas, sides = truth.areas_px, truth.boxes_px[:, 2] * truth.boxes_px[:, 3]
    there = (areas > 0) & (sides > 0)
    large = boxes | (sides >= _MIN_BOX_PX2)
    return bool(there.any() and ((areas <= 1) & large)[there].all())
