"""Several persons out of a table of candidates: thresholds, order, non-maximum suppression. Pure.

Definition (ST model zoo, `yolo_mpe`): candidates with a score above a threshold, greedy suppression of boxes that
overlap an earlier one of their class by more than another (intersection over union). What comes first, and so wins a
tie: the higher score, then the lower candidate. Order and float32 arithmetic are those of TensorFlow's
NonMaxSuppression (tensorflow/core/kernels/image/non_max_suppression_op.cc) and of the device (firmware/postproc/
persons.c).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.families.base import Floats
from pytest_stm32pose.types import USUAL_DECODING, Decoding

#: More candidates than this the device has no room for.
MAX_CANDIDATES = 16384
#: What the device has room for: fewer persons when each has more keypoints than COCO's 17.
MAX_PERSONS = 100
MAX_ROWS = MAX_PERSONS * 17
#: Keypoints of a person of several: one person's are sent in one piece.
MAX_KEYPOINTS = 255
_HALF = np.float32(0.5)


def room(decoding: Decoding, keypoints: int) -> int:
    """Persons at most."""
    return min(decoding.max_persons, MAX_PERSONS, MAX_ROWS // keypoints)


def too_many(candidates: int) -> ModelError:
    """The device has no room for so many."""
    return ModelError(
        f"The YOLO pose output has {candidates} anchors; 1 to {MAX_CANDIDATES} are supported.",
        remedy="Export the network for a smaller input.",
    )


def best_first(scores: Floats, decoding: Decoding) -> NDArray[np.intp]:
    """Candidates above the threshold; NaN is no score."""
    with np.errstate(invalid="ignore"):
        candidates = np.flatnonzero(scores > np.float32(decoding.score))
        return candidates[np.argsort(-scores[candidates], kind="stable")]


def select(
    boxes: Floats,
    scores: Floats,
    max_persons: int,
    decoding: Decoding = USUAL_DECODING,
    classes: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Non-maximum suppression: the candidates that are kept, in order.

    Args:
        boxes: float32 [4, N] x, y (middle), w, h. Boxes that hold NaN or have no area overlap nothing.
        scores: float32 [N]; NaN is no score.
        classes: [N]; only boxes of one class suppress each other. None: all are of one.
    """
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        left_over = best_first(scores, decoding)
        middle, half = boxes[:2], boxes[2:] * _HALF
        low, high = middle - half, middle + half
        area = (high[1] - low[1]) * (high[0] - low[0])
        taken: list[int] = []
        while len(left_over) and len(taken) < max_persons:
            best, left_over = left_over[0], left_over[1:]
            taken.append(int(best))
            over = _overlap(low, high, area, best, left_over) > np.float32(decoding.nms_iou)
            alike = True if classes is None else classes[left_over] == classes[best]
            left_over = left_over[~(over & alike)]
    return np.array(taken, dtype=np.intp)


def _overlap(low: Floats, high: Floats, area: Floats, one: np.intp, others: NDArray[np.intp]) -> Floats:
    """Intersection over union of `one` and each other box; -1 where they share nothing, NaN where it cannot be told."""
    a, b = low[:, one, np.newaxis], low[:, others]
    start = np.where(a > b, a, b)
    a, b = high[:, one, np.newaxis], high[:, others]
    size = np.where(a < b, a, b) - start
    both = size[1] * size[0]
    union = area[one] + area[others] - both
    real = (area[one] > 0) & (area[others] > 0) & (size > 0).all(axis=0)
    return np.where(real, both / union, np.float32(-1))
