"""Which keypoints there are: names, limbs, left/right pairs and OKS sigmas of the sets of the field.

The built-in sets are tables in `sets/`, in the form that a user's file has (skeleton_table.py). A number of keypoints
names a set where only one has it; 17 points are COCO's unless names say otherwise (AP-10K has 17 too).
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

from pytest_stm32pose.metrics.skeleton_table import parse_table
from pytest_stm32pose.types import Skeleton

Side = Literal["left", "right", "centre"]

#: Sets by the name that --pose-skeleton takes.
SETS = ("coco17", "st13", "mpii16", "hand21", "halpe26", "blazepose33", "wholebody133", "ap10k17")
#: Those that their number of keypoints means.
_BY_COUNT = {13: "st13", 16: "mpii16", 17: "coco17", 21: "hand21", 26: "halpe26", 33: "blazepose33",
             133: "wholebody133"}  # fmt: skip


@cache
def built_in(name: str) -> Skeleton:
    """The set of a name of SETS."""
    text = (files(__package__) / "sets" / f"{name}.toml").read_text(encoding="utf-8")
    return parse_table(tomllib.loads(text), name)


COCO_17 = built_in("coco17")
ST_13 = built_in("st13")

#: Rows of the 17 set that ST's `head` stands for.
FACE_ROWS = range(COCO_17.names.index("left_shoulder"))


def skeleton_of(keypoints: int) -> Skeleton | None:
    """The set that so many keypoints are, where nothing else is said; None for numbers that no set has."""
    name = _BY_COUNT.get(keypoints)
    return built_in(name) if name else None


@cache
def unnamed(keypoints: int) -> Skeleton:
    """So many keypoints of which nothing is known: sigmas of 1/K, as Ultralytics has them."""
    names = tuple(f"keypoint {index}" for index in range(keypoints))
    return Skeleton(
        f"{keypoints} keypoints", names, (), tuple(range(keypoints)), (1 / max(keypoints, 1),) * keypoints, "1/K"
    )


def usual(keypoints: int) -> Skeleton:
    """`skeleton_of`, or `unnamed` where no set has so many."""
    return skeleton_of(keypoints) or unnamed(keypoints)


def rows_among(names: Sequence[str], among: Sequence[str]) -> tuple[int, ...] | None:
    """Where each of `names` stands in another list; None when one is missing."""
    at = {name: index for index, name in enumerate(among)}
    return tuple(at[name] for name in names) if all(name in at for name in names) else None


def side_of(name: str) -> Side:
    """Side of the body that a keypoint is on, by its name."""
    if name.startswith("left_"):
        return "left"
    return "right" if name.startswith("right_") else "centre"


def limb_side(skeleton: Skeleton, limb: tuple[int, int]) -> Side:
    """A limb is left or right when both its ends are on that side of the body."""
    first, second = (side_of(skeleton.names[index]) for index in limb)
    return first if first == second else "centre"
