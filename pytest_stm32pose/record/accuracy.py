"""The accuracy figures of a record's model entry, each with what it is of: pictures, and its 95 % interval. Pure.

A mean over two pictures looks like one over five hundred until both are told. Records of older versions have no counts:
then they are those of the pictures that have the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_stm32pose.entries.model import AccuracyEntry, ModelEntry
from pytest_stm32pose.entries.picture import ImageEntry, KeypointRow
from pytest_stm32pose.metrics.labels import why_no_figure

Key = Literal["oks_vs_golden", "oks_vs_truth", "pck", "map50_vs_truth", "map_vs_truth"]
_Bounds = tuple[float, float] | None
#: Value, number of pictures, 95 % interval.
_PARTS: Mapping[Key, Callable[[AccuracyEntry], tuple[float | None, int | None, _Bounds]]] = {
    "oks_vs_golden": lambda of: (of.oks_vs_golden, of.oks_vs_golden_n, of.oks_vs_golden_interval),
    "oks_vs_truth": lambda of: (of.oks_vs_truth, of.oks_vs_truth_n, of.oks_vs_truth_interval),
    "pck": lambda of: (of.pck, of.pck_n, of.pck_interval),
    "map50_vs_truth": lambda of: (of.map50_vs_truth, of.map50_vs_truth_n, of.map50_vs_truth_interval),
    "map_vs_truth": lambda of: (of.map_vs_truth, of.map50_vs_truth_n, None),
}
#: mAP is of all pictures with labels; `matches` says so where the record has them.
_OF_LABELS = ("map50_vs_truth", "map_vs_truth")
#: Key, and how the figure is called.
NAMES: Mapping[Key, tuple[str, str]] = {
    "oks_vs_golden": ("OKS", "vs golden"),
    "oks_vs_truth": ("OKS", "vs truth"),
    "map50_vs_truth": ("mAP@0.5", "vs truth"),
}
_MIN_DIGITS, _MAX_DIGITS = 2, 4


@dataclass(frozen=True)
class Figure:
    """A mean, or a mAP.

    Attributes:
        value: 0..1; None when nothing was measured.
        n: pictures that it is of; None where the record does not say.
        bounds: 95 % bootstrap interval; None for fewer than two pictures.
        persons: that a mAP is of; None for other figures.
    """

    value: float | None
    n: int | None
    bounds: tuple[float, float] | None = None
    persons: int | None = None

    @property
    def of(self) -> str:
        """`n=2, 0.32-0.96`: what the value is of; "" when nothing is known."""
        parts = [] if self.n is None else [f"n={self.n}"]
        if self.persons is not None:
            parts.append(f"{self.persons} persons" if self.persons != 1 else "1 person")
        if self.bounds is not None:
            parts.append(_range(self.bounds))
        return ", ".join(parts)

    def text(self, missing: str = "-") -> str:
        """`0.6435 (n=2, 0.32-0.96)`."""
        return missing if self.value is None else f"{score(self.value)}{self._in_brackets}"

    def named(self, key: Key) -> str:
        """`OKS 0.6435 vs truth (n=2, 0.32-0.96)`, for a key of NAMES."""
        name, against = NAMES[key]
        return f"{name} {score(self.value or 0.0)} {against}{self._in_brackets}"

    @property
    def _in_brackets(self) -> str:
        return f" ({self.of})" if self.of else ""


def figure(model: ModelEntry, key: Key) -> Figure:
    """One accuracy figure of a model entry."""
    value, n, bounds = _PARTS[key](model.accuracy)
    persons = model.accuracy.map50_vs_truth_persons if key in _OF_LABELS else None
    return Figure(
        None if value is None else float(value),
        _pictures(model.images, key) if n is None else n,
        bounds and (float(bounds[0]), float(bounds[1])),
        persons,
    )


def score(value: float) -> str:
    """Of 0..1 with four decimals; one that only rounds to 1 or 0 keeps the digits that tell it apart."""
    text = f"{value:.{_MAX_DIGITS}f}"
    return text if float(text) not in (0.0, 1.0) or float(text) == value else f"{value:.9g}"


def _pictures(images: Sequence[ImageEntry], key: Key) -> int | None:
    """For records that do not say it."""
    if key in _OF_LABELS:
        matched = sum(image.matches is not None for image in images)
        return matched or sum(image.keypoints_truth is not None for image in images) or None
    if key == "oks_vs_golden":
        return sum(image.oks_vs_golden is not None for image in images) or None
    # PCK is of the pictures that have an OKS against truth; older records keep no PCK of each.
    if key == "pck" and any(image.has("pck") for image in images):
        return sum(image.pck is not None for image in images) or None
    return sum(image.oks_vs_truth is not None for image in images) or None


def _range(bounds: tuple[float, float]) -> str:
    """Both ends with as many decimals as tell them apart, two at least."""
    low, high = bounds
    digits = _MIN_DIGITS
    while digits < _MAX_DIGITS and high - low < 10.0 ** (1 - digits):
        digits += 1
    return f"{low:.{digits}f}-{high:.{digits}f}"


def finds_several(images: Sequence[ImageEntry]) -> bool:
    """Whether the pictures are of a network that finds several persons, whose figure is mAP."""
    return any(image.matches is not None or len(image.keypoints_device or ()) > 1 for image in images)


def counted_persons(image: ImageEntry, several: bool) -> list[bool]:
    """Of every labelled person of a picture: whether the figure against truth is of it.

    Args:
        image: of the record.
        several: the network finds several persons (`finds_several`); else only a picture's one person counts.
    """
    persons = image.keypoints_truth or ()
    said = image.labels.counted if image.labels else ()
    if persons and len(said) == len(persons):
        return list(said)
    # Older records say of which pictures the figure is, not of whom.
    labelled = [_is_labelled(person) for person in persons]
    return labelled if several or image.oks_vs_truth is not None else [False] * len(persons)


def _is_labelled(person: Sequence[KeypointRow]) -> bool:
    return any(visibility is not None and visibility > 0 for _, _, visibility in person)


def labels_found(model: ModelEntry) -> list[str]:
    """What the labels of the pictures hold (metrics/labels.py); of older records nothing."""
    return [image.labels.found for image in model.images if image.labels and image.labels.found]


def why_no_truth(model: ModelEntry) -> str:
    """Why there is no figure against truth though pictures have labels; "" where there is one, no labels, or no
    keypoints that labels could judge."""
    if not model.keypoints:
        return ""
    found = labels_found(model)
    measured = model.accuracy.oks_vs_truth is not None or model.accuracy.map50_vs_truth is not None
    return "" if measured or set(found) <= {"none"} else why_no_figure(found)
