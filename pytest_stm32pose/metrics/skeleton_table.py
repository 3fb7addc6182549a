"""A keypoint set as a table: of a TOML file (`--pose-skeleton=FILE.toml`), or of a category of COCO's format. Pure.

    name = "pallet 4"
    names = ["front_left", "front_right", "back_left", "back_right"]
    limbs = [["front_left", "front_right"], ["back_left", "back_right"]]   # or rows: [[0, 1], [2, 3]]
    sigmas = [0.05, 0.05, 0.06, 0.06]                                      # without them 1/K
    flip = ["front_right", "front_left", "back_right", "back_left"]        # without it by "left" and "right"

The table is untrusted: every value is checked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pytest_stm32pose.errors import ConfigError, did_you_mean
from pytest_stm32pose.types import Skeleton

#: No set of the field has more: a head of MediaPipe has 478.
MAX_KEYPOINTS = 1024
MAX_LIMBS = 8 * MAX_KEYPOINTS
#: COCO's largest is 0.107; at 10 a keypoint anywhere is right.
MAX_SIGMA = 10.0
_KEYS = ("name", "names", "limbs", "sigmas", "sigmas_from", "flip")
_SWAPPED = {"left": "right", "right": "left"}


def parse_table(table: Mapping[str, object], source: str) -> Skeleton:
    """The set of a table.

    Args:
        source: what the table is of, for messages, and for the set's name where it has none.

    Raises:
        ConfigError: a key or value is not what it should be; one sentence.
    """
    for key in table:
        if key not in _KEYS:
            raise ConfigError(
                f"{source}: there is no key {key!r} in a keypoint set.",
                remedy=f"{did_you_mean(key, _KEYS)}The keys are {', '.join(_KEYS)}.",
            )
    names = _names(table.get("names"), source)
    given = table.get("sigmas")
    own = table.get("sigmas_from", source)
    for key, value in (("name", table.get("name", source)), ("sigmas_from", own)):
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{source}: `{key}` is {_shown(value)}, not a text.")
    return Skeleton(
        name=str(table.get("name", source)),
        names=names,
        limbs=_limbs(table.get("limbs", []), names, source),
        mirror=_flip(table["flip"], names, source) if "flip" in table else mirrored(names),
        sigmas=(1 / len(names),) * len(names) if given is None else parse_sigmas(given, len(names), source),
        sigmas_from="1/K" if given is None else str(own),
    )


def mirrored(names: Sequence[str]) -> tuple[int, ...]:
    """The place of each keypoint's partner, by "left" and "right" in the names; a keypoint without one is its own."""
    at = {name: index for index, name in enumerate(names)}
    return tuple(at.get(_swapped(name), index) for index, name in enumerate(names))


def _swapped(name: str) -> str:
    side, separator, joint = name.partition("_")
    if side in _SWAPPED:
        return f"{_SWAPPED[side]}{separator}{joint}"
    joint, separator, side = name.rpartition("_")
    return f"{joint}{separator}{_SWAPPED[side]}" if side in _SWAPPED else name


def parse_sigmas(values: object, count: int, source: str) -> tuple[float, ...]:
    """One OKS sigma per keypoint. Raises ConfigError: not so many, or one is no number above 0."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != count:
        found = f"has {len(values)} values" if isinstance(values, list) else f"is {_shown(values)}"
        raise ConfigError(f"{source}: `sigmas` {found}, and there are {count} keypoints.", remedy="Give one for each.")
    for index, value in enumerate(values):
        usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(_clipped(value))
        if not usable or not 0 < value <= MAX_SIGMA:
            raise ConfigError(
                f"{source}: `sigmas[{index}]` is {_shown(value)}, not a number above 0 and up to {MAX_SIGMA:g}."
            )
    return tuple(float(value) for value in values)


def _clipped(value: float) -> float:
    """Integers that no float holds are infinite."""
    return value if abs(value) <= 1e300 else math.inf


def _names(values: object, source: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not values:
        raise ConfigError(
            f"{source} has no list `names`: what the keypoints are called.", remedy='Write names = ["nose", ...].'
        )
    if len(values) > MAX_KEYPOINTS:
        raise ConfigError(f"{source}: `names` has {len(values)} keypoints; up to {MAX_KEYPOINTS} are taken.")
    seen: set[str] = set()
    for index, value in enumerate(values):
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise ConfigError(f"{source}: `names[{index}]` is {_shown(value)}, not a name.")
        if value in seen:
            raise ConfigError(
                f"{source}: `names` has {value!r} twice.", remedy="Give every keypoint a name of its own."
            )
        seen.add(value)
    return tuple(values)


def _limbs(values: object, names: Sequence[str], source: str) -> tuple[tuple[int, int], ...]:
    if not isinstance(values, list) or len(values) > MAX_LIMBS:
        raise ConfigError(f"{source}: `limbs` is {_shown(values)}, not a list of pairs.")
    limbs = []
    for index, pair in enumerate(values):
        if not isinstance(pair, list) or len(pair) != 2:
            raise ConfigError(f"{source}: `limbs[{index}]` is {_shown(pair)}, not a pair of keypoints.")
        first, second = (_row(end, names, f"limbs[{index}]", source) for end in pair)
        limbs.append((first, second))
    return tuple(limbs)


def _flip(values: object, names: Sequence[str], source: str) -> tuple[int, ...]:
    if not isinstance(values, list) or len(values) != len(names):
        raise ConfigError(
            f"{source}: `flip` is {_shown(values)}, not a list of {len(names)} keypoints.",
            remedy="Give for each keypoint the one that takes its place in a mirrored picture.",
        )
    rows = tuple(_row(value, names, f"flip[{index}]", source) for index, value in enumerate(values))
    wrong = next((index for index, row in enumerate(rows) if rows[row] != index), None)
    if wrong is not None:
        raise ConfigError(
            f"{source}: `flip` gives {names[rows[wrong]]!r} for {names[wrong]!r}, but not {names[wrong]!r} for it."
        )
    return rows


def _row(value: object, names: Sequence[str], key: str, source: str) -> int:
    """A keypoint by name, or by its row from 0 on."""
    if isinstance(value, str) and value in names:
        return names.index(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return value
    close = did_you_mean(value, names) if isinstance(value, str) else ""
    raise ConfigError(
        f"{source}: `{key}` names {_shown(value)}, which is none of the {len(names)} keypoints.",
        remedy=f"{close}Give names, or rows from 0 to {len(names) - 1}.",
    )


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # of an integer with thousands of digits
        text = "a huge number"
    return text if len(text) <= 40 else f"{text[:40]}..."
