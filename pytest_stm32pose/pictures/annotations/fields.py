"""Fields of an annotation file, which is untrusted: each is checked before it is used, and named when it is wrong."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError

REMEDY = "Give a COCO person keypoint file (images, annotations with keypoints, categories)."
#: Pixels beyond this are mistakes, and they would overflow what is computed from them.
MAX_NUMBER = 1e12
#: Larger floats are no exact integers any more: two ids could be one.
_MAX_EXACT = 2**53
MAX_SIDE_PX = 1_000_000
#: Of a person: a face has 478, a whole body 133.
MAX_KEYPOINTS = 1000


#: Characters of a foreign value that a sentence shows.
_MAX_SHOWN = 40


def shown(value: object) -> str:
    """A value of the file for a sentence: short, on one line, printable."""
    text = value if isinstance(value, str) else reprlib.repr(value)
    text = " ".join(text.encode(errors="replace").decode().split())
    return f"{text[:_MAX_SHOWN]}..." if len(text) > _MAX_SHOWN else text


def quoted(value: object) -> str:
    """The same, with text in quotation marks."""
    return repr(shown(value)) if isinstance(value, str) else shown(value)


@dataclass(frozen=True)
class Entry:
    """One object of the file, and how to name it to the user."""

    values: Mapping[str, object]
    path: Path
    where: str

    def wrong(self, what: str, remedy: str = REMEDY) -> ImageError:
        return ImageError(f"{self.path}: {self.where} {what}", remedy=remedy)

    def identifier(self, key: str) -> str:
        """An id as text: 1, 1.0 and "1" are the same one.

        Raises:
            ImageError: there is none.
        """
        value = self.values.get(key)
        if isinstance(value, float) and value.is_integer() and abs(value) < _MAX_EXACT:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).strip():
            raise self.wrong(f"has no usable `{key}`.")
        return str(value).strip()

    def number(self, key: str, value: Any) -> float:
        """A finite number. Raises ImageError for anything else."""
        # The size comes first: math.isfinite cannot take integers that no float holds.
        usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER
        if not usable or not math.isfinite(value):
            raise self.wrong(f"has {quoted(value)} in `{key}`, which is not a usable number.")
        return float(value)

    def numbers(self, key: str, count: int) -> list[float]:
        """A list of so many finite numbers. Raises ImageError for anything else."""
        values = self.values.get(key)
        if not isinstance(values, list):
            raise self.wrong(f"has no list in `{key}`.")
        if len(values) != count:
            raise self.wrong(f"has {len(values)} values in `{key}`, not {count}.")
        return [self.number(key, value) for value in values]

    def flag(self, key: str) -> bool:
        """0, 1, false, true; false when it is missing. Raises ImageError for anything else."""
        value = self.values.get(key)
        if value is not None and value not in (0, 1):
            raise self.wrong(f"has {quoted(value)} in `{key}`, which is neither 0 nor 1.")
        return bool(value)

    def size(self) -> tuple[int, int] | None:
        """`width` and `height` in pixels; None where the file does not say (missing, null or 0).

        Raises:
            ImageError: one of them is no number of pixels.
        """
        sides = []
        for key in ("width", "height"):
            value = self.values.get(key)
            if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
                value = int(value)
            side = 0.0 if value is None else self.number(key, value)
            if side < 0 or side > MAX_SIDE_PX or not side.is_integer():
                raise self.wrong(f"has {quoted(value)} in `{key}`, which is no number of pixels.")
            sides.append(int(side))
        return (sides[0], sides[1]) if all(sides) else None

    def points(self, count: int) -> NDArray[np.float64]:
        """`keypoints`, float64 [count, 3] x, y, visibility; coordinates of what is not labelled may be missing, then 0.

        Pairs x, y are all visible but for those at 0, 0.

        Raises:
            ImageError: not so many, coordinates of a labelled one missing, or a visibility other than 0, 1 and 2.
        """
        values = self.values["keypoints"]
        if is_pairs(self.values, count):
            return with_visibility(np.array(self.numbers("keypoints", 2 * count)).reshape(count, 2))
        if not isinstance(values, list) or len(values) != 3 * count:
            what = f"{len(values)} values" if isinstance(values, list) else "no list"
            raise self.wrong(f"has {what} in `keypoints`, not {3 * count} (x, y, visibility of each).")
        if all(type(value) in (int, float) for value in values):
            points = self._array(values).reshape(count, 3)
            if np.isfinite(points).all() and np.abs(points).max() <= MAX_NUMBER and np.isin(points[:, 2], _SEEN).all():
                return points
        return np.array([self._point(*values[at : at + 3]) for at in range(0, 3 * count, 3)])

    @staticmethod
    def _array(values: Sequence[float]) -> NDArray[np.float64]:
        try:
            return np.array(values, dtype=np.float64)
        except OverflowError:
            return np.full(len(values), np.nan)

    def _point(self, x: object, y: object, seen: object) -> tuple[float, float, float]:
        if x is None and y is None and seen is None:
            return 0.0, 0.0, 0.0
        if isinstance(seen, bool) or not isinstance(seen, int | float) or seen not in _SEEN:
            raise self.wrong(
                f"has a visibility other than 0 (not labelled), 1 (hidden) and 2 (visible): {shown(seen)}.",
                "A score of a prediction is no visibility: give labels, not results, and write 0, 1 or 2.",
            )
        missing = [value is None or (isinstance(value, float) and not math.isfinite(value)) for value in (x, y)]
        if seen == 0 and any(missing):
            return 0.0, 0.0, 0.0
        return self.number("keypoints", x), self.number("keypoints", y), float(seen)


_SEEN = (0, 1, 2)


def is_pairs(values: Mapping[str, object], count: int) -> bool:
    """Whether an annotation has x and y of each keypoint alone."""
    given = values.get("keypoints")
    return isinstance(given, list) and len(given) == 2 * count


def with_visibility(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pairs [count, 2] -> [count, 3]: visible, but for those that tools write for missing points: 0, 0."""
    return np.column_stack([points, np.where((points != 0).any(axis=1), 2.0, 0.0)])
