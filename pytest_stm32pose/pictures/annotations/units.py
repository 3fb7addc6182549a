"""Are labels pixels, fractions or percent of the picture? Told for keypoints, boxes and areas apart, over a whole file.

Pure. Fractions show in the numbers. Percent look like pixels of the upper left corner, so they are found only where
that cannot be: keypoints that lie in their boxes in one unit alone, or a whole file that never leaves the corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.labelled import LabelledImage
from pytest_stm32pose.types import Truth

#: Fractions reach from 0 to 1; those of what lies somewhat outside the picture reach further.
_LOWEST, _HIGHEST = -0.5, 1.5
#: Below this side, fractions and pixels cannot be told apart by their size.
_MIN_SIDE_PX = 4
#: So many keypoints of a picture, or corners of a box, within its first pixel are no pixels.
_MANY_POINTS, _MANY_CORNERS = 3, 2
#: A person of this box has a segment of more than one square pixel.
_MIN_BOX_PX2 = 16.0
#: Percent reach to 100, and somewhat further.
_PERCENT = 101.0
#: A file's labels are percent when those of so many pictures, none smaller than this side, stay below 100 pixels and
#: yet reach this far: in pixels, every person of the file would stand in one corner.
_MANY_PICTURES, _LARGE_PX, _FAR = 4, 250, 60.0
#: ... or when so many times as many persons stand in their boxes as in pixels (once, where the format has no pixels).
_CLEARER = 4
#: How many keypoints must be labelled for a person to tell whether they lie in the box.
_TELLING = 3

Unit = Literal["fractions", "percent", "pixels"]
_Guess = Literal["fractions", "pixels", "unclear"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """Of one picture's labels."""

    points: Unit
    boxes: Unit
    areas: Unit


def units_of(
    source: str, images: Sequence[LabelledImage], sizes: Sequence[tuple[int, int]], *, are_fractions: bool = False
) -> list[Units]:
    """The units of each picture's labels.

    Args:
        are_fractions: the format has fractions: what is unclear is one.

    Raises:
        ImageError: most pictures have pixels, and some have what only fractions explain.
    """
    labelled = [_labelled(image.truth) for image in images]
    corners = [_corners(image.truth) for image in images]
    points = _decide(source, "keypoints", images, sizes, labelled, _MANY_POINTS, are_fractions)
    boxes = _decide(source, "boxes", images, sizes, corners, _MANY_CORNERS, are_fractions)
    if "pixels" in (*points, *boxes):
        points, boxes = _with_percent(images, sizes, points, boxes, clearer=1 if are_fractions else _CLEARER)
    return [
        Units(point, box, _unit_of_areas(image.truth, box))
        for image, point, box in zip(images, points, boxes, strict=True)
    ]


def _decide(
    source: str,
    what: str,
    images: Sequence[LabelledImage],
    sizes: Sequence[tuple[int, int]],
    coordinates: Sequence[Floats],
    many: int,
    are_fractions: bool,
) -> list[Unit]:
    units = [_guess(values, size) for values, size in zip(coordinates, sizes, strict=True)]
    if "pixels" not in units:
        whole = are_fractions or "fractions" in units
        return ["fractions" if whole and (values.size or are_fractions) else "pixels" for values in coordinates]
    for image, unit, values in zip(images, units, coordinates, strict=True):
        if unit == "fractions" and len(values) >= many:
            pixels = images[units.index("pixels")].file_name
            raise ImageError(
                f"{source} gives {what} of {image.file_name} as fractions of the picture (0..1), "
                f"those of {pixels} in pixels.",
                remedy="Give all of them in pixels.",
            )
    return ["pixels"] * len(units)


def _guess(coordinates: Floats, size: tuple[int, int]) -> _Guess:
    if not coordinates.size or min(size) < _MIN_SIDE_PX:
        return "unclear"
    if coordinates.min() < _LOWEST or coordinates.max() > _HIGHEST:
        return "pixels"
    # Whole numbers are corners of pixels: nobody stands in the corners of the picture alone.
    return "fractions" if (coordinates != np.round(coordinates)).any() else "unclear"


def _with_percent(
    images: Sequence[LabelledImage],
    sizes: Sequence[tuple[int, int]],
    points: list[Unit],
    boxes: list[Unit],
    *,
    clearer: int,
) -> tuple[list[Unit], list[Unit]]:
    """Pixels become percent where only that explains the labels."""
    all_points = [_labelled(image.truth) for image in images]
    all_corners = [_corners(image.truth) for image in images]
    choices: list[list[Unit]] = [
        ["pixels", "percent"] if _fit_percent(values, units) else units[:1]
        for values, units in ((all_points, points), (all_corners, boxes))
    ]
    tried = [(point, box) for point in choices[0] for box in choices[1]]
    if len(tried) == 1:
        return points, boxes
    held = {pair: _held(images, sizes, *pair) for pair in tried}
    best = max(tried, key=held.__getitem__)  # pixels come first, and stay where nothing is better
    if best == tried[0] or held[best] < clearer * max(1, held[tried[0]]):
        whole = len(tried) == 4 or not any(values.size for values in all_corners)
        if not (whole and _stay_in_the_corner(all_points, sizes)):
            return points, boxes
        best = tried[-1]
    return [best[0]] * len(points), [best[1]] * len(boxes)


def _fit_percent(coordinates: Sequence[Floats], units: Sequence[Unit]) -> bool:
    some = [values for values in coordinates if values.size]
    inside = all(values.min() >= _LOWEST and values.max() <= _PERCENT for values in some)
    return "pixels" in units and bool(some) and inside


def _held(images: Sequence[LabelledImage], sizes: Sequence[tuple[int, int]], points: Unit, boxes: Unit) -> int:
    """How many persons' boxes hold most of their keypoints, in these units."""
    count = 0
    for image, size in zip(images, sizes, strict=True):
        across = np.array(size, dtype=np.float64)
        for person, box in zip(image.truth.keypoints_px, image.truth.boxes_px, strict=True):
            seen = person[person[:, 2] > 0][:, :2] * factor(points, across)
            low, sides = box[:2] * factor(boxes, across), box[2:] * factor(boxes, across)
            if len(seen) >= _TELLING and (sides > 0).all():
                inside = (seen >= low - 0.1 * sides) & (seen <= low + 1.1 * sides)
                count += bool(2 * inside.all(axis=1).sum() > len(seen))
    return count


def factor(unit: Unit, size: Floats) -> Floats:
    """What makes pixels of a unit, [2] of x and y."""
    return {"fractions": size, "percent": size / 100, "pixels": np.ones(2)}[unit]


def _stay_in_the_corner(points: Sequence[Floats], sizes: Sequence[tuple[int, int]]) -> bool:
    there = [(values, size) for values, size in zip(points, sizes, strict=True) if values.size]
    return (
        len(there) >= _MANY_PICTURES
        and min(min(size) for _, size in there) >= _LARGE_PX
        and bool((np.concatenate([values for values, _ in there]).max(axis=0) >= _FAR).all())
    )


def _labelled(truth: Truth) -> Floats:
    """[N, 2] of the labelled keypoints."""
    points = truth.keypoints_px
    return np.asarray(points[points[..., 2] > 0][:, :2])


def _corners(truth: Truth) -> Floats:
    """[2 N, 2] of the boxes of labelled persons that are not empty: their places and sides, which may be corners."""
    labelled = (truth.keypoints_px[..., 2] > 0).any(axis=1)
    boxes = truth.boxes_px[labelled & (truth.boxes_px[:, 2:] > 0).all(axis=1)]
    return np.concatenate([boxes[:, :2], boxes[:, 2:]])


def _unit_of_areas(truth: Truth, boxes: Unit) -> Unit:
    """Areas of at most one picture, of persons whose boxes are fractions too or too large for one square pixel."""
    areas, sides = truth.areas_px, truth.boxes_px[:, 2] * truth.boxes_px[:, 3]
    there = (areas > 0) & (sides > 0)
    large = (boxes == "fractions") | (sides >= _MIN_BOX_PX2)
    if there.any() and ((areas <= 1) & large)[there].all():
        return "fractions"
    return "percent" if boxes == "percent" and there.any() and (areas <= sides)[there].all() else "pixels"
