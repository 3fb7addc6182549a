"""Which keypoints are off, by name and by the size of the person: the first question after "how accurate".

Sizes are COCO's classes (cocodataset.org, "Detection evaluation"): small below 32 x 32 pixels, large from 96 x 96, with
ST's estimate of a figure's area, 0.53 of the box around its keypoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.metrics.keypoints import BOX_TO_AREA, Floats, pair_persons, pixel_errors
from pytest_stm32pose.metrics.skeleton import usual

#: Upper bound of each class, square pixels.
SIZES = {"small": 32.0**2, "medium": 96.0**2, "large": np.inf}


@dataclass(frozen=True)
class Errors:
    """Distances to the reference of one kind of keypoint or person, pixels of the original picture.

    Attributes:
        points: keypoints that the mean is of.
        lost: keypoints that the device did not give, or gave as no number; not in the mean.
    """

    name: str
    mean_px: float
    points: int
    lost: int

    @property
    def is_off(self) -> bool:
        return self.mean_px > 0 or self.lost > 0


@dataclass(frozen=True)
class FigureErrors:
    """Of many pictures: `by_keypoint` worst first, `by_size` smallest first, both without those that do not occur."""

    by_keypoint: tuple[Errors, ...] = ()
    by_size: tuple[Errors, ...] = ()

    @property
    def is_off(self) -> bool:
        """Whether anything is off at all."""
        return any(errors.is_off for errors in self.by_keypoint)


@dataclass(frozen=True)
class Compared:
    """One picture: [P, K, 3] pixels of the device, and of a golden or of labels (third column 0 = not labelled)."""

    device: Floats
    reference: Floats
    width: int
    height: int


def figure_errors(
    pictures: Iterable[Compared], *, labels: bool = False, names: Sequence[str] | None = None
) -> FigureErrors:
    """Means over all persons of all pictures, each with the person of the device that is most similar.

    Args:
        pictures: of one network.
        labels: the references are labels: keypoints without one do not count. Else all of them count.
        names: of the keypoints; None: those of the usual set of so many.
    """
    found: dict[str, list[float]] = {}
    sizes: dict[str, list[float]] = {}
    for picture in pictures:
        count = picture.reference.shape[1]
        known = names if names is not None and len(names) == count else usual(count).names
        for size, errors in _persons(picture, 0.0 if labels else -np.inf):
            for index, error in enumerate(errors):
                if error is not None:
                    found.setdefault(known[index], []).append(error)
                    sizes.setdefault(size, []).append(error)
    worst = sorted(_grouped(found), key=lambda errors: (-errors.lost, -errors.mean_px, errors.name))
    return FigureErrors(tuple(worst), tuple(_grouped({size: sizes[size] for size in SIZES if size in sizes})))


def size_of(person: Floats) -> str:
    """The class of a figure by the box around its keypoints [N, 3]."""
    width, height = person[:, :2].max(axis=0) - person[:, :2].min(axis=0)
    return next(name for name, bound in SIZES.items() if BOX_TO_AREA * width * height < bound)


def _persons(picture: Compared, min_reference: float) -> Iterable[tuple[str, Sequence[float | None]]]:
    """Size and errors per keypoint of every person of the reference that has a keypoint."""
    used = picture.reference[..., 2] > min_reference
    keep = used.any(axis=1)
    reference, used = picture.reference[keep], used[keep]
    # Points that do not count take no part in a figure's extent.
    filled = np.array(
        [np.where(use[:, None], person, person[use].mean(axis=0)) for person, use in zip(reference, used, strict=True)]
    ).reshape(reference.shape)
    pairs = {pair.golden: pair.device for pair in pair_persons(picture.device, filled, picture.width, picture.height)}
    for number, person in enumerate(reference):
        size = size_of(filled[number])
        if number in pairs:
            yield size, pixel_errors(picture.device[pairs[number]], person, min_reference).per_keypoint
        else:
            yield size, [np.inf if point else None for point in used[number]]


def _grouped(values: Mapping[str, Sequence[float]]) -> Iterable[Errors]:
    for name, errors in values.items():
        distances: NDArray[np.float64] = np.array(errors)
        finite = distances[np.isfinite(distances)]
        yield Errors(name, float(finite.mean()) if len(finite) else 0.0, len(finite), len(distances) - len(finite))
