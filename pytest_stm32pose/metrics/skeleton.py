"""Keypoint names, limbs, and left/right pairs of the two keypoint sets this project knows: COCO's 17 and ST's 13.

The 17: COCO person keypoints (cocodataset.org, "Keypoint detection"). The 13: ST's model zoo replaces the five face
points by one `head` and keeps the 12 body points in COCO's order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right", "centre"]


@dataclass(frozen=True)
class Skeleton:
    """One keypoint set. Indices refer to the rows of a [K, 3] keypoint array."""

    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    mirror: tuple[int, ...]  #: the index that takes a keypoint's place in a mirrored picture

    @property
    def sides(self) -> tuple[Side, ...]:
        """Side of the person's body, per keypoint."""
        return tuple(_side(name) for name in self.names)

    def limb_side(self, limb: tuple[int, int]) -> Side:
        """A limb is left or right when both its ends are on that side of the body."""
        first, second = (_side(self.names[index]) for index in limb)
        return first if first == second else "centre"


def _side(name: str) -> Side:
    if name.startswith("left_"):
        return "left"
    return "right" if name.startswith("right_") else "centre"


_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_BODY = tuple(
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
_BODY_LIMBS = (
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
)
_FACE_LIMBS = (
    ("nose", "left_eye"),
    ("nose", "right_eye"),
    ("left_eye", "left_ear"),
    ("right_eye", "right_ear"),
    ("nose", "left_shoulder"),
    ("nose", "right_shoulder"),
)
_HEAD_LIMBS = (("head", "left_shoulder"), ("head", "right_shoulder"))


def _skeleton(names: tuple[str, ...], limbs: tuple[tuple[str, str], ...]) -> Skeleton:
    at = {name: index for index, name in enumerate(names)}
    swap = {"left": "right", "right": "left"}
    mirrored = []
    for name in names:
        side, _, joint = name.partition("_")
        mirrored.append(at[f"{swap[side]}_{joint}"] if side in swap else at[name])
    return Skeleton(names, tuple((at[first], at[second]) for first, second in limbs), tuple(mirrored))


COCO_17 = _skeleton(_FACE + _BODY, _FACE_LIMBS + _BODY_LIMBS)
ST_13 = _skeleton(("head", *_BODY), _HEAD_LIMBS + _BODY_LIMBS)

#: Rows of the 17 set that ST's `head` stands for.
FACE_ROWS = range(len(_FACE))


def skeleton_of(keypoints: int) -> Skeleton | None:
    """The keypoint set of a network with that many keypoints; None for sets without published names."""
    return {17: COCO_17, 13: ST_13}.get(keypoints)
