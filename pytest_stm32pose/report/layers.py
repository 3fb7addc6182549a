"""The three skeletons of one picture as plain values: what is drawable, its name, how far it is off.

Pure: no markup. Input is what the run record holds, or arrays; numbers in it may be any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.metrics.skeleton import skeleton_of
from pytest_stm32pose.types import USUAL_DECODING

#: [persons][K][x_px, y_px, score or visibility]: what a record holds, or an array.
Drawable = Sequence[Sequence[Sequence[float | None]]] | NDArray[np.generic]
LayerName = Literal["golden", "device", "truth"]
#: Drawing order: the wide golden lines lie under the thin device lines, so that both show when they coincide.
LAYERS: tuple[LayerName, ...] = ("truth", "golden", "device")
TITLES: dict[LayerName, str] = {"golden": "Golden", "device": "Device", "truth": "Truth"}

#: Predictions below this score are drawn faintly (ST's tools leave them out): heat maps always have a maximum, even
#: where there is nobody. A run may say another one (--pose-keypoint-score).
FAINT_BELOW = USUAL_DECODING.keypoint_score
#: More persons than this are not drawn (a detector at a low threshold returns up to a hundred).
MAX_PERSONS = 20


@dataclass(slots=True)  # frozen ones take three times as long to make, and a report of 10,000 pictures makes a million
class Point:
    """One drawable keypoint, in pixels of the original picture."""

    index: int
    name: str
    x_px: float
    y_px: float
    score: float  #: for truth the visibility flag, 1 or 2
    faint: bool


@dataclass(frozen=True)
class Person:
    """The drawable keypoints of one person and the limbs between them."""

    points: dict[int, Point]
    limbs: tuple[tuple[int, int], ...]

    def distance_px(self, index: int, other: Person | None) -> float | None:
        """Distance of one keypoint to the same keypoint of `other`, None when either is not there."""
        if other is None or index not in self.points or index not in other.points:
            return None
        mine, theirs = self.points[index], other.points[index]
        return math.hypot(mine.x_px - theirs.x_px, mine.y_px - theirs.y_px)


@dataclass(frozen=True)
class Layer:
    """One skeleton set of a picture."""

    name: LayerName
    persons: tuple[Person, ...]
    undrawable: int  #: keypoints that are not finite numbers
    omitted: int  #: persons beyond those that are read


class Named(Protocol):
    """A keypoint set, as a record or as skeleton.py has it."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def limbs(self) -> tuple[tuple[int, int], ...]: ...


def layer(
    name: LayerName,
    persons: Drawable | None,
    *,
    skeleton: Named | None = None,
    faint_below: float = FAINT_BELOW,
    most: int = MAX_PERSONS,
) -> Layer | None:
    """Read one layer.

    Args:
        name: which one.
        persons: [persons][K][x_px, y_px, score or visibility], nested lists or an array; None when not known.
        skeleton: which keypoints they are; None, or one of another number: the usual set of so many.
        faint_below: predictions with a lower score are marked faint.
        most: persons beyond are left out.

    Returns:
        None when `persons` is None: the layer does not exist (an empty list exists and shows nobody).
    """
    if persons is None:
        return None
    read, undrawable = [], 0
    for rows in list(persons)[:most]:
        person, missing = _person(name, rows, faint_below, skeleton)
        read.append(person)
        undrawable += missing
    return Layer(name, tuple(read), undrawable, max(0, len(persons) - most))


def _person(
    name: LayerName, rows: Sequence[Sequence[float | None]], faint_below: float, known: Named | None
) -> tuple[Person, int]:
    skeleton: Named | None = known if known and len(known.names) == len(rows) else skeleton_of(len(rows))
    labels = _labels(skeleton.names) if skeleton else tuple(f"keypoint {index}" for index in range(len(rows)))
    is_truth = name == "truth"
    points, undrawable = {}, 0
    for index, row in enumerate(rows):
        x, y, third = row if len(row) == 3 else (list(row) + [None] * 3)[:3]
        score = _finite(third)
        if is_truth and not (score or 0) > 0:
            continue  # COCO: visibility 0 is "not labelled", its coordinates mean nothing
        x_px, y_px = _finite(x), _finite(y)
        if x_px is None or y_px is None:
            undrawable += 1
            continue
        faint = not is_truth and (score or 0.0) < faint_below
        points[index] = Point(index, labels[index], x_px, y_px, math.nan if score is None else score, faint)
    limbs = skeleton.limbs if skeleton else ()
    return Person(points, tuple(limb for limb in limbs if limb[0] in points and limb[1] in points)), undrawable


@lru_cache(maxsize=16)
def _labels(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.replace("_", " ") for name in names)


def _finite(value: object) -> float | None:
    if type(value) is float:  # nearly all are
        return value if math.isfinite(value) else None
    if not isinstance(value, int | float | np.number):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def nearest(person: Person, others: Layer | None) -> Person | None:
    """The person of another layer whose shared keypoints are nearest on average, None when nobody shares one."""
    best, best_px = None, math.inf
    for other in others.persons if others else ():
        distances = [d for index in person.points if (d := person.distance_px(index, other)) is not None]
        if distances and (mean_px := sum(distances) / len(distances)) < best_px:
            best, best_px = other, mean_px
    return best
