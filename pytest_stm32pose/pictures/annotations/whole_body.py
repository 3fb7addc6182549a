"""COCO-WholeBody: feet, face and hands in fields of their own, joined behind COCO's 17 to 133 keypoints.

Format: github.com/jin-s13/COCO-WholeBody, data_format.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.metrics.skeleton import COCO_17, built_in
from pytest_stm32pose.pictures.annotations.categories import Categories, Layout
from pytest_stm32pose.pictures.annotations.fields import Entry

#: Fields, in the order of the 133, with how many keypoints each has.
PARTS = {"foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}
BODY = len(COCO_17.names)
WHOLE_BODY = built_in("wholebody133")


def has_parts(values: Mapping[str, object]) -> bool:
    """Whether an annotation has all of the fields."""
    return all(isinstance(values.get(key), list) for key in PARTS)


def whole_body(categories: Categories, annotations: Sequence[Mapping[str, object]]) -> Categories:
    """With 133 keypoints, where COCO's 17 stand as COCO has them and annotations have the other parts too."""
    in_order = tuple(range(BODY))
    if not any(map(has_parts, annotations)) or any(
        (layout.count, layout.rows) != (BODY, in_order) for layout in categories.layouts.values()
    ):
        return categories
    count = len(WHOLE_BODY.names)
    joined = dict.fromkeys(categories.layouts, Layout(count, tuple(range(count))))
    return replace(categories, skeleton=WHOLE_BODY, layouts=joined)


def parts_of(entry: Entry) -> NDArray[np.float64]:
    """Feet, face and hands, float64 [116, 3]; zeros for a person who has none of them.

    Whatever is above 0 in the third place was labelled: the parts were labelled with the help of networks, and some
    copies keep their scores there.

    Raises:
        ImageError: not so many, or no numbers.
    """
    if not has_parts(entry.values):
        return np.zeros((sum(PARTS.values()), 3))
    points = np.concatenate([np.reshape(entry.numbers(key, 3 * count), (count, 3)) for key, count in PARTS.items()])
    if (points[:, 2] < 0).any():
        raise entry.wrong("has a visibility below 0 in its feet, face or hands.", "Write 0 for what is not labelled.")
    points[:, 2] = np.clip(np.ceil(points[:, 2]), 0, 2)
    return points
