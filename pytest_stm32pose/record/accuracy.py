"""The accuracy figures of a record's model entry, each with what it is of: pictures, and its 95 % interval. Pure.

A mean over two pictures looks like one over five hundred until both are told. Records of older versions have no counts:
then they are those of the pictures that have the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_stm32pose.metrics.labels import why_no_figure
from pytest_stm32pose.record.untrusted import Entry, entries, is_number, part

#: mAP is of all pictures with labels; `matches` says so where the record has them.
_OF_LABELS = ("map50_vs_truth", "map_vs_truth")
#: Key, and how the figure is called.
NAMES = {
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

    def named(self, key: str) -> str:
        """`OKS 0.6435 vs truth (n=2, 0.32-0.96)`, for a key of NAMES."""
        name, against = NAMES[key]
        return f"{name} {score(self.value or 0.0)} {against}{self._in_brackets}"

    @property
    def _in_brackets(self) -> str:
        return f" ({self.of})" if self.of else ""


def figure(model: Entry, key: str) -> Figure:
    """One figure of a model entry: `oks_vs_golden`, `oks_vs_truth`, `pck`, `map50_vs_truth` or `map_vs_truth`."""
    accuracy = part(model, "accuracy")
    value, persons = accuracy.get(key), accuracy.get("map50_vs_truth_persons") if key in _OF_LABELS else None
    bounds = accuracy.get(f"{key}_interval")
    known = isinstance(bounds, (list, tuple)) and len(bounds) == 2 and all(map(is_number, bounds))
    return Figure(
        float(value) if is_number(value) else None,
        _pictures(model, accuracy, key),
        (float(bounds[0]), float(bounds[1])) if known and bounds else None,
        int(persons) if is_number(persons) else None,
    )


def score(value: float) -> str:
    """Of 0..1 with four decimals; one that only rounds to 1 or 0 keeps the digits that tell it apart."""
    text = f"{value:.{_MAX_DIGITS}f}"
    return text if float(text) not in (0.0, 1.0) or float(text) == value else f"{value:.9g}"


def _pictures(model: Entry, accuracy: Entry, key: str) -> int | None:
    said = accuracy.get(f"{'map50_vs_truth' if key in _OF_LABELS else key}_n")
    if is_number(said):
        return int(said)
    images = entries(model, "images")
    if key in _OF_LABELS:
        matched = sum(image.get("matches") is not None for image in images)
        return matched or sum(image.get("keypoints_truth") is not None for image in images) or None
    # PCK is of the pictures that have an OKS against truth; older records keep no PCK of each.
    own = key if any(key in image for image in images) else "oks_vs_truth"
    return sum(image.get(own) is not None for image in images) or None


def _range(bounds: tuple[float, float]) -> str:
    """Both ends with as many decimals as tell them apart, two at least."""
    low, high = bounds
    digits = _MIN_DIGITS
    while digits < _MAX_DIGITS and high - low < 10.0 ** (1 - digits):
        digits += 1
    return f"{low:.{digits}f}-{high:.{digits}f}"


def finds_several(images: Sequence[Entry]) -> bool:
    """Whether the pictures are of a network that finds several persons, whose figure is mAP."""
    return any(image.get("matches") is not None or len(_list(image, "keypoints_device")) > 1 for image in images)


def counted_persons(image: Entry, several: bool) -> list[bool]:
    """Of every labelled person of a picture: whether the figure against truth is of it.

    Args:
        image: of the record.
        several: the network finds several persons (`finds_several`); else only a picture's one person counts.
    """
    persons = _list(image, "keypoints_truth")
    said = _list(part(image, "labels"), "counted")
    if persons and len(said) == len(persons):
        return [each is True for each in said]
    # Older records say of which pictures the figure is, not of whom.
    labelled = [_is_labelled(person) for person in persons]
    is_in = image["oks_vs_truth"] is not None if "oks_vs_truth" in image else sum(labelled) == 1
    return labelled if several or is_in else [False] * len(persons)


def _is_labelled(person: object) -> bool:
    rows = person if isinstance(person, (list, tuple)) else ()
    thirds = [row[2] for row in rows if isinstance(row, (list, tuple)) and len(row) > 2]
    return any(is_number(third) and third > 0 for third in thirds)


def _list(owner: Entry, key: str) -> Sequence[Any]:
    found = owner.get(key)
    return found if isinstance(found, (list, tuple)) else ()


def labels_found(model: Entry) -> list[str]:
    """What the labels of the pictures hold (metrics/labels.py); of older records nothing."""
    return [str(found) for image in entries(model, "images") if (found := part(image, "labels").get("found"))]


def why_no_truth(model: Entry) -> str:
    """Why there is no figure against truth though pictures have labels; "" where there is one, no labels, or no
    keypoints that labels could judge."""
    if not model["keypoints"]:
        return ""
    found = labels_found(model)
    measured = any(figure(model, key).value is not None for key in ("oks_vs_truth", "map50_vs_truth"))
    return "" if measured or set(found) <= {"none"} else why_no_figure(found)
