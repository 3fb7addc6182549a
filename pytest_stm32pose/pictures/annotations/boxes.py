"""Boxes that are meant otherwise than their format has them: two corners, or a corner for a centre. Pure.

Told by the keypoints: boxes are read otherwise only where most persons prove it and none contradicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.labelled import BoxForm
from pytest_stm32pose.pictures.annotations.notes import Findings, Kind
from pytest_stm32pose.types import Truth

Floats = NDArray[np.float64]

#: Labels may lie on the edge, and be rounded over it.
_EDGE_PX = 1.5
#: A person tells how a box is meant when so many keypoints are labelled.
_TELLING = 5
#: How far the two readings of a box must be apart, as a share of its sides, for a person to tell.
_APART = 0.1
#: The right reading leaves at most this share of the room around the keypoints that the wrong one leaves.
_TIGHTER = 0.5
#: ... and the keypoints reach over at least this share of it.
_REACH = 0.3
#: A box of the right reading holds this share of its person's keypoints, one of the wrong reading less.
_HELD = 0.9


@dataclass(frozen=True)
class _Person:
    """A person who tells how boxes are meant; the box is four numbers as the file has them, in pixels."""

    picture: int
    points: Floats  #: [labelled, 2]
    box: Floats
    size: Floats  #: [2] of the picture

    def room(self, low: Floats, high: Floats) -> float:
        """Between a box and the keypoints, all sides together."""
        return float(np.abs(self.points.min(axis=0) - low).sum() + np.abs(self.points.max(axis=0) - high).sum())


def with_sides(
    source: str,
    names: Sequence[str],
    truths: Sequence[Truth],
    sizes: Sequence[tuple[int, int]],
    findings: Sequence[Findings],
    form: BoxForm,
) -> list[Truth]:
    """Labels with boxes x, y, width, height, and with the box's area where none was given.

    Args:
        truths: in pixels of pictures of those sizes.
        findings: counted in, per picture.
        form: what the format's boxes are; those of `truths` were made of it.

    Raises:
        ImageError: most boxes are two corners, but not all.
    """
    persons = list(_telling(truths, sizes, form))
    corners = [person for person in persons if _is_two_corners(person, form)]
    apart = [person for person in persons if (person.box[:2] > _APART * person.box[2:]).any()]
    read: Callable[[Floats], Floats] | None = None
    kind = Kind.CORNERS
    if corners and 2 * len(corners) >= len(apart):
        read = _of_corners
        if any(_contradicts_corners(person, form) for person in persons) or not _can_be_corners(truths, form):
            raise ImageError(
                f"{source} gives boxes as two corners (x1, y1, x2, y2), first in {names[corners[0].picture]}; "
                "COCO's are x, y, width, height.",
                remedy="Write width and height in their third and fourth place.",
            )
    elif form == "centre" and persons and all(map(_begins_with_a_corner, persons)):
        read, kind = (lambda raw: raw), Kind.FROM_CORNER
    if read is None:
        return [_with_areas(truth, truth.boxes_px) for truth in truths]
    for truth, found in zip(truths, findings, strict=True):
        found[kind] += int((truth.boxes_px[:, 2:] > 0).all(axis=1).sum())
    return [_with_areas(truth, read(_raw(truth.boxes_px, form))) for truth in truths]


def _telling(truths: Sequence[Truth], sizes: Sequence[tuple[int, int]], form: BoxForm) -> Iterator[_Person]:
    for picture, (truth, size) in enumerate(zip(truths, sizes, strict=True)):
        for person, box, crowd in zip(truth.keypoints_px, truth.boxes_px, truth.crowd, strict=True):
            points = person[person[:, 2] > 0][:, :2]
            if len(points) >= _TELLING and (box[2:] > 0).all() and not crowd:
                yield _Person(picture, points, _raw(box[np.newaxis], form)[0], np.array(size, dtype=np.float64))


def _raw(boxes: Floats, form: BoxForm) -> Floats:
    """[N, 4] as the file has them."""
    if form == "corner":
        return boxes
    return np.concatenate([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)


def _of_corners(raw: Floats) -> Floats:
    empty = (raw[:, 2:] == 0).any(axis=1, keepdims=True)
    return np.where(empty, raw, np.concatenate([raw[:, :2], raw[:, 2:] - raw[:, :2]], axis=1))


def _can_be_corners(truths: Sequence[Truth], form: BoxForm) -> bool:
    """Whether the second corner of every box is right of and below the first."""
    return all((_of_corners(_raw(truth.boxes_px, form))[:, 2:] >= 0).all() for truth in truths)


def _with_areas(truth: Truth, boxes: Floats) -> Truth:
    given = np.isfinite(truth.areas_px)
    return replace(truth, boxes_px=boxes, areas_px=np.where(given, truth.areas_px, boxes[:, 2] * boxes[:, 3]))


def _is_two_corners(person: _Person, form: BoxForm) -> bool:
    """Whether x2 and y2 in the place of width and height explain the keypoints, and much better."""
    first, second = person.box[:2], person.box[2:]
    if (second <= first).any() or not (first > _APART * second).any():
        return False
    low, high = person.points.min(axis=0), person.points.max(axis=0)
    holds = (
        (low >= first - _EDGE_PX).all()
        and (high <= second + _EDGE_PX).all()
        and (second <= person.size + _EDGE_PX).all()
    )
    reaches = (high - low >= _REACH * (second - first)).all()
    start = first if form == "corner" else first - second / 2
    return bool(holds and reaches and person.room(first, second) <= _TIGHTER * person.room(start, start + second))


def _contradicts_corners(person: _Person, form: BoxForm) -> bool:
    """Whether the format's own reading holds the keypoints, and that as corners does not."""
    first, second = person.box[:2], person.box[2:]
    start = first if form == "corner" else first - second / 2
    return _share(person, start, second) >= _HELD > _share(person, first, second - first)


def _begins_with_a_corner(person: _Person) -> bool:
    """Whether x, y, width and height hold the keypoints, and the same around x and y does not."""
    place, sides = person.box[:2], person.box[2:]
    return _share(person, place, sides) >= _HELD > _share(person, place - sides / 2, sides) + _APART


def _share(person: _Person, low: Floats, sides: Floats) -> float:
    """Of the keypoints that lie in a box."""
    inside = (person.points >= low - _EDGE_PX) & (person.points <= low + sides + _EDGE_PX)
    return float(inside.all(axis=1).mean())
