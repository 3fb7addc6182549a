"""Labels that contradict themselves: outside the picture, boxes elsewhere, points that are fill-ins. Pure.

The thresholds were set so that none of COCO's labels is doubted; docs/accuracy.md has the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.notes import Findings, Kind
from pytest_stm32pose.types import Truth

Floats = NDArray[np.float64]

#: Labels may lie on the edge, and be rounded over it.
_EDGE_PX = 1.5
#: A person tells how a box is meant when so many keypoints are labelled.
_TELLING = 5
#: A box grown by this share of its sides on each side holds its person's keypoints.
_GROWN = 0.25


@dataclass(frozen=True)
class _Person:
    """A person with labelled keypoints."""

    picture: int
    points: Floats  #: [labelled, 2] pixels
    box: Floats  #: [4] x, y, width, height
    size: Floats  #: [2] of the picture


def is_inside(truth: Truth, size: tuple[int, int]) -> bool:
    """Whether every labelled keypoint and every box of a labelled person lies in a picture of that size."""
    points, boxes = truth.keypoints_px, truth.boxes_px
    labelled = points[..., 2] > 0
    corners = (boxes[:, :2] + boxes[:, 2:])[labelled.any(axis=1)]
    far = np.concatenate([points[labelled][:, :2], corners])
    return bool((far <= np.array(size) + _EDGE_PX).all() and (far >= -_EDGE_PX).all())


def check(
    source: str,
    names: Sequence[str],
    truths: Sequence[Truth],
    sizes: Sequence[tuple[int, int]],
    findings: Sequence[Findings],
) -> None:
    """Counts in `findings` what is odd, per picture.

    Args:
        truths: in pixels of pictures of those sizes.

    Raises:
        ImageError: what cannot be meant: names the first picture that shows it.
    """
    persons = [
        _Person(index, points[points[:, 2] > 0][:, :2], box, np.array(size, dtype=np.float64))
        for index, (truth, size) in enumerate(zip(truths, sizes, strict=True))
        for points, box, crowd in zip(truth.keypoints_px, truth.boxes_px, truth.crowd, strict=True)
        if not crowd and (points[:, 2] > 0).any()
    ]
    _check_points(source, names, persons, findings)
    _check_boxes(persons, findings)


def _check_points(source: str, names: Sequence[str], persons: Sequence[_Person], findings: Sequence[Findings]) -> None:
    total = outside = 0
    first = ""
    for person in persons:
        points, size = person.points, person.size
        name = names[person.picture]
        if (points == 0).all(axis=1).sum() > 1:
            raise ImageError(
                f"{source} labels several keypoints of a person in {name} at 0, 0, as tools do with missing ones.",
                remedy="Write visibility 0 for what is not labelled.",
            )
        over = ((points < -_EDGE_PX) | (points > size + _EDGE_PX)).any(axis=1)
        if ((points < -size) | (points > 2 * size)).any() and not over.all():
            raise ImageError(
                f"{source} labels a keypoint of a person in {name} far outside of its "
                f"{size[0]:.0f} x {size[1]:.0f} pixels.",
                remedy="Correct the label, or write visibility 0 for what is not labelled.",
            )
        findings[person.picture][Kind.OUTSIDE] += bool(over.any())
        first = first or (name if over.any() else "")
        total, outside = total + len(points), outside + int(over.sum())
    if 2 * outside > total:
        raise ImageError(
            f"{source} labels {outside} of {total} keypoints outside their pictures, first in {first}.",
            remedy="Give the pictures that were labelled, and labels in their pixels.",
        )


def _check_boxes(persons: Sequence[_Person], findings: Sequence[Findings]) -> None:
    telling = [person for person in persons if len(person.points) >= _TELLING and (person.box[2:] > 0).all()]
    elsewhere = [person for person in telling if not _is_around(person)]
    for person in elsewhere if 2 * len(elsewhere) > len(telling) else ():
        findings[person.picture][Kind.BOX_ELSEWHERE] += 1
    for person in persons:
        high = person.box[:2] + person.box[2:]
        leaves = (person.box[:2] < -_EDGE_PX).any() or (high > person.size + _EDGE_PX).any()
        findings[person.picture][Kind.BOX_LEAVES] += bool(leaves)


def _is_around(person: _Person) -> bool:
    """Whether the box, somewhat grown, holds at least half of the keypoints."""
    grown = _GROWN * person.box[2:]
    low, high = person.box[:2] - grown, person.box[:2] + person.box[2:] + grown
    return bool(2 * ((person.points >= low) & (person.points <= high)).all(axis=1).sum() >= len(person.points))
