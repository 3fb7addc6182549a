"""Which keypoint stands where: names of a category, however spelt, against the sets that networks have. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pytest_stm32pose.metrics.skeleton import COCO_17, SETS, ST_13, built_in, rows_among
from pytest_stm32pose.types import Skeleton

_SIDES = {"l": "left", "lt": "left", "left": "left", "r": "right", "rt": "right", "right": "right"}
_PAIRED = frozenset(name.partition("_")[2] for name in ST_13.names + COCO_17.names if "_" in name)
#: Names that only count: "0", "kpt_3", "point 12".
_PLACEHOLDERS = frozenset(["k", "kp", "kpt", "keypoint", "keypoints", "p", "pt", "point", "j", "joint", "landmark"])
_LAST_NUMBER = re.compile(r"(\d{1,6})\W*$")
_WORD = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GLUED = re.compile(rf"(left|right|l|r)({'|'.join(_PAIRED)})|({'|'.join(_PAIRED)})(left|right|l|r)")


def normalised(name: str) -> str:
    """`left_eye` of "Left Eye", "LEye", "l_eye", "eye.L", "lefteye" and "3: left-eye"; other names likewise."""
    words = _WORD.findall(_CAMEL.sub(" ", name).lower())
    if len(words) == 1 and (glued := _GLUED.fullmatch(words[0])):
        words = [part for part in glued.groups() if part]
    sides = [_SIDES[word] for word in words if word in _SIDES]
    rest = [word for word in words if word not in _SIDES]
    return "_".join([*sides, *rest]) if len(sides) == 1 else "_".join(words)


def are_placeholders(names: Sequence[object]) -> bool:
    """Whether the names say nothing but a number."""
    return all(isinstance(name, int | str) and set(_WORD.findall(str(name).lower())) <= _PLACEHOLDERS for name in names)


def rows_of(names: Sequence[Any]) -> tuple[int, ...] | None:
    """Where each keypoint of a known set stands among `names`; None for a set that is not known.

    COCO's 17 may stand among others (COCO-WholeBody, Halpe, OpenPose), since its names mean one thing. ST's 13 must be
    alone: sets with more points call something else the head.
    """
    if not all(isinstance(name, str) for name in names):
        return None
    plain = [normalised(name) for name in names]
    counts = Counter(plain)
    for skeleton in (COCO_17, ST_13):
        enough = skeleton is COCO_17 or len(plain) == len(skeleton.names)
        if enough and all(counts[name] == 1 for name in skeleton.names):
            return tuple(plain.index(name) for name in skeleton.names)
    return None


def plain_names(names: Sequence[str]) -> tuple[str, ...]:
    """All names `normalised`; where that makes two the same (face_1 and face_2), with the numbers that they end in."""
    plain = tuple(normalised(name) for name in names)
    if len(set(plain)) == len(plain):
        return plain
    numbers = (_LAST_NUMBER.search(name) for name in names)
    return tuple(f"{name}_{int(found[1])}" if found else name for name, found in zip(plain, numbers, strict=True))


def rows_of_set(skeleton: Skeleton, names: Sequence[Any]) -> tuple[int, ...] | None:
    """Where each keypoint of a set stands among `names`, however spelt; None when one is missing or stands twice."""
    if not all(isinstance(name, str) for name in names):
        return None
    plain, wanted = plain_names(names), plain_names(skeleton.names)
    return rows_among(wanted, plain) if all(plain.count(name) <= 1 for name in wanted) else None


def set_of_names(names: Sequence[Any]) -> tuple[Skeleton, tuple[int, ...]] | None:
    """The built-in set that exactly these names are, beside COCO's and ST's, and where each of its keypoints stands."""
    for key in SETS:
        known = built_in(key)
        if len(known.names) == len(names) and (rows := rows_of_set(known, names)) is not None:
            return known, rows
    return None
