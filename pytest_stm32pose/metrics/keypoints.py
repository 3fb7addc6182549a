"""How well keypoints agree with labels or with a golden: OKS by two definitions, PCK, pixel errors.

OKS "ST" (behind the figures of ST's model zoo): in coordinates normalised by the picture's width and height,
    mean over labelled keypoints of exp(-d^2 / (2 (2 sigma)^2 (0.53 w h))), w and h of the label's box;
a network's figure is the mean over pictures of one person.
OKS "COCO" (pycocotools cocoeval.computeOks): d in pixels, the segment's area in place of 0.53 w h.

Arrays: keypoints [K, 3] x, y, score in pixels of the picture; labels [K, 3] x, y, visibility (0 = not labelled).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.metrics.skeleton import FACE_ROWS
from pytest_stm32pose.types import Truth

Floats = NDArray[np.float64]

#: COCO's per-keypoint constants (cocoeval.Params.kpt_oks_sigmas) in skeleton.COCO_17's order.
SIGMAS_17: Floats = np.array(
    [0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072,
     0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089]
)  # fmt: skip
#: ST's 13: the head has the ears' constant, the body points keep theirs.
SIGMAS_13: Floats = np.concatenate([[0.035], SIGMAS_17[len(FACE_ROWS) :]])
SIGMAS_17.setflags(write=False)
SIGMAS_13.setflags(write=False)

#: A label's box is scaled by this to stand for the segment's area (ST's definition).
BOX_TO_AREA = 0.53
#: PCK: a keypoint is correct within this fraction of the longer side of the label's box (Yang and Ramanan, 2013).
PCK_FRACTION = 0.1
#: `oks_vs_golden` scales distances by the golden figure's size, but by no less than this fraction of the picture.
MIN_GOLDEN_EXTENT = 0.1


def sigmas(keypoints: int) -> Floats:
    """Per-keypoint constants, float64 [keypoints].

    Raises:
        ModelError: not 13 or 17, the sets that have published constants.
    """
    known = {13: SIGMAS_13, 17: SIGMAS_17}
    if keypoints not in known:
        raise ModelError(f"OKS is defined for 13 and 17 keypoints, not for {keypoints}.")
    return known[keypoints]


def oks_st(predicted: Floats, label: Floats, box: Floats, width: int, height: int) -> float | None:
    """ST's OKS of one prediction and one label, 0..1. None when no keypoint is labelled or the box is empty.

    Args:
        box: [4] x, y, width, height of the label, pixels.
        width, height: of the picture, pixels.
    """
    labelled = label[:, 2] > 0
    area = BOX_TO_AREA * (float(box[2]) / width) * (float(box[3]) / height)
    if not labelled.any() or area <= 0:
        return None
    squared = ((predicted[:, 0] - label[:, 0]) / width) ** 2 + ((predicted[:, 1] - label[:, 1]) / height) ** 2
    similarity = np.exp(-squared / (2 * (2 * sigmas(len(label))) ** 2 * area))
    # A device that answers NaN has not found the keypoint.
    return float(np.nan_to_num(similarity[labelled], nan=0.0).mean())


def oks_matrix_st(predicted: Floats, truth: Truth, width: int, height: int, constants: Floats | None = None) -> Floats:
    """ST's OKS of every prediction with every label, float64 [P, T]; 0 for those that are no targets (`is_target`).

    Args:
        predicted: [P, K, 3] pixels.
        truth: labels of K keypoints.
        width, height: of the picture, pixels.
        constants: per keypoint, float64 [K]; None for the published ones.
    """
    labels, boxes = truth.keypoints_px, truth.boxes_px
    constants = sigmas(labels.shape[1]) if constants is None else constants
    area = BOX_TO_AREA * (boxes[:, 2] / width) * (boxes[:, 3] / height)
    labelled = labels[..., 2] > 0
    dx = (predicted[:, np.newaxis, :, 0] - labels[np.newaxis, :, :, 0]) / width
    dy = (predicted[:, np.newaxis, :, 1] - labels[np.newaxis, :, :, 1]) / height
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        terms = np.exp(-(dx**2 + dy**2) / (2 * (2 * constants) ** 2 * area[:, np.newaxis]))
        # A keypoint that is no number is not found.
        total = np.where(labelled, np.nan_to_num(terms, nan=0.0), 0.0).sum(axis=2)
    return np.where(is_target(truth), total / np.maximum(labelled.sum(axis=1), 1), 0.0)


def is_labelled(truth: Truth) -> NDArray[np.bool_]:
    """Which persons have a labelled keypoint, [T]."""
    return np.asarray((truth.keypoints_px[..., 2] > 0).any(axis=1))


def is_target(truth: Truth) -> NDArray[np.bool_]:
    """Which persons a network should find, [T]: labelled, no crowd, with an area (neither box nor segment empty)."""
    has_area = (truth.boxes_px[:, 2:] > 0).all(axis=1) & (truth.areas_px > 0)
    return np.asarray(is_labelled(truth) & ~truth.crowd & has_area)


def oks_coco(predicted: Floats, label: Floats, box: Floats, area: float) -> float:
    """COCO's OKS of one prediction and one label, 0..1. Without labelled keypoints: how far outside the doubled box.

    Args:
        box: [4] x, y, width, height of the label, pixels.
        area: of the label's segment, square pixels.
    """
    labelled = label[:, 2] > 0
    if labelled.any():
        dx, dy = predicted[:, 0] - label[:, 0], predicted[:, 1] - label[:, 1]
    else:
        left, top, width, height = (float(value) for value in box)
        dx = np.maximum(0, left - width - predicted[:, 0]) + np.maximum(0, predicted[:, 0] - (left + 2 * width))
        dy = np.maximum(0, top - height - predicted[:, 1]) + np.maximum(0, predicted[:, 1] - (top + 2 * height))
        labelled = np.ones_like(labelled)
    error = (dx**2 + dy**2) / (2 * sigmas(len(label))) ** 2 / (area + np.spacing(1)) / 2
    return float(np.exp(-error[labelled]).mean())


def oks_vs_truth(predicted: Floats, truth: Truth, width: int, height: int) -> float | None:
    """ST's OKS of one picture: the best pair of a predicted person and a target (`is_target`).

    On a picture of one person this is ST's definition; only those enter a network's figure (`is_single_person`).

    Args:
        predicted: [P, K, 3] pixels.
        truth: labels with 17 or K keypoints per person.
    Returns:
        0..1; 0.0 when nothing was predicted; None when there is no target: nobody labelled, or without an area.
    """
    converted = truth_for(truth, predicted.shape[1])
    scores: list[float] = []
    targets = is_target(converted)
    for label, box in zip(converted.keypoints_px[targets], converted.boxes_px[targets], strict=True):
        of_person = [oks_st(person, label, box, width, height) for person in predicted]
        scores.append(max((score for score in of_person if score is not None), default=0.0))
    return max(scores) if scores else None


@dataclass(frozen=True)
class Pair:
    """A person of the device and the golden's that it is compared with."""

    device: int
    golden: int
    oks: float


def pair_persons(device: Floats, golden: Floats, width: int, height: int) -> list[Pair]:
    """Which persons to compare: again and again the most similar two that are left, by ST's OKS with golden labels.

    All keypoints count. The box is the golden figure's extent, at least MIN_GOLDEN_EXTENT of the picture on either
    side. Keypoint sets without published constants take the mean of COCO's. Ties: the earlier person of the device,
    then of the golden.

    Args:
        device, golden: [P, K, 3] pixels.
    """
    if not len(device) or not len(golden):
        return []
    low, high = golden[..., :2].min(axis=1), golden[..., :2].max(axis=1)
    size = np.maximum(high - low, MIN_GOLDEN_EXTENT * np.array([width, height]))
    labels = np.concatenate([golden[..., :2], np.full((*golden.shape[:2], 1), 2.0)], axis=2)
    count = len(golden)
    truth = Truth(labels, np.concatenate([low, size], axis=1), size.prod(axis=1), np.zeros(count, dtype=np.bool_))
    known = golden.shape[1] in (13, 17)
    constants = sigmas(golden.shape[1]) if known else np.full(golden.shape[1], SIGMAS_17.mean())
    matrix = oks_matrix_st(device, truth, width, height, constants)
    left, pairs = matrix.copy(), []
    for _ in range(min(matrix.shape)):
        row, column = (int(index) for index in np.unravel_index(left.argmax(), left.shape))
        pairs.append(Pair(row, column, float(matrix[row, column])))
        left[row], left[:, column] = -1.0, -1.0
    return pairs


def oks_vs_golden(device: Floats, golden: Floats, width: int, height: int) -> float:
    """ST's OKS of the device's persons with the golden's in the place of labels (`pair_persons`).

    The mean over all persons; one that only device or golden has counts 0. Both none: 1.0.

    Args:
        device, golden: [P, K, 3] pixels.
    """
    persons = max(len(device), len(golden))
    pairs = pair_persons(device, golden, width, height)
    return sum(pair.oks for pair in pairs) / persons if persons else 1.0


def is_single_person(truth: Truth) -> bool:
    """True for pictures of exactly one person, who is a target: those that enter ST's OKS figure."""
    return len(truth.crowd) == 1 and bool(is_target(truth)[0])


def can_judge(labels: int, keypoints: int) -> bool:
    """Whether labels of so many keypoints a person can judge a network of so many (`truth_for`)."""
    return labels == keypoints or (labels, keypoints) == (17, 13)


def truth_for(truth: Truth, keypoints: int) -> Truth:
    """Labels with `keypoints` rows per person: as they are, or COCO's 17 as ST's 13.

    The head is the mean of the labelled face points, visible when one of them is.

    Raises:
        ModelError: the labels have another set that cannot be converted.
    """
    points = truth.keypoints_px
    if points.shape[1] == keypoints:
        return truth
    if not can_judge(points.shape[1], keypoints):
        raise ModelError(f"Labels of {points.shape[1]} keypoints cannot judge a network of {keypoints} keypoints.")
    converted = np.zeros((len(points), 13, 3))
    converted[:, 1:] = points[:, len(FACE_ROWS) :]
    for row, person in enumerate(points):
        face = person[: len(FACE_ROWS)]
        labelled = face[face[:, 2] > 0]
        if len(labelled):
            converted[row, 0] = (*labelled[:, :2].mean(axis=0), labelled[:, 2].max())
    return Truth(converted, truth.boxes_px, truth.areas_px, truth.crowd)


def pck(predicted: Floats, label: Floats, box: Floats, fraction: float = PCK_FRACTION) -> float | None:
    """Fraction of the labelled keypoints within `fraction` of the box's longer side; None when none is labelled."""
    labelled = label[:, 2] > 0
    if not labelled.any():
        return None
    errors = pixel_errors(predicted, label).per_keypoint
    limit = fraction * max(float(box[2]), float(box[3]))
    correct = [error is not None and error <= limit for error, use in zip(errors, labelled, strict=True) if use]
    return sum(correct) / len(correct)


@dataclass(frozen=True)
class PixelErrors:
    """Distances in pixels; None where the reference has no keypoint, infinite where the device answered NaN."""

    per_keypoint: tuple[float | None, ...]

    @property
    def mean(self) -> float | None:
        known = [error for error in self.per_keypoint if error is not None]
        return sum(known) / len(known) if known else None

    @property
    def max(self) -> float | None:
        return max((error for error in self.per_keypoint if error is not None), default=None)


def pixel_errors(predicted: Floats, reference: Floats, min_reference: float = 0.0) -> PixelErrors:
    """Distance of each keypoint to the reference's, for reference keypoints with a third column above `min_reference`.

    The third column is a label's visibility or a golden's score; give -inf to compare every keypoint.
    """
    distances = np.hypot(predicted[:, 0] - reference[:, 0], predicted[:, 1] - reference[:, 1])
    distances[np.isnan(distances)] = np.inf
    used = reference[:, 2] > min_reference
    return PixelErrors(tuple(float(d) if use else None for d, use in zip(distances, used, strict=True)))
