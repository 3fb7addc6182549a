"""How well keypoints agree with labels or with a golden: OKS by two definitions, PCK, pixel errors.

OKS "ST" (behind the figures of ST's model zoo): in coordinates normalised by the picture's width and height,
    mean over labelled keypoints of exp(-d^2 / (2 (2 sigma)^2 (0.53 w h))), w and h of the label's box;
a network's figure is the mean over pictures of one person.
OKS "COCO" (pycocotools cocoeval.computeOks): d in pixels, the segment's area in place of 0.53 w h.
Sigmas are those of the labels' keypoint set (metrics/skeleton.py), 1/K for a set that has none (Ultralytics).

Arrays: keypoints [K, 3] x, y, score in pixels of the picture; labels [K, 3] x, y, visibility (0 = not labelled).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.metrics.skeleton import COCO_17, FACE_ROWS, ST_13, rows_among, usual
from pytest_stm32pose.types import Skeleton, Truth

Floats = NDArray[np.float64]

#: A label's box is scaled by this to stand for the segment's area (ST's definition).
BOX_TO_AREA = 0.53
#: PCK: a keypoint is correct within this fraction of the longer side of the label's box (Yang and Ramanan, 2013).
PCK_FRACTION = 0.1
#: `oks_vs_golden` scales distances by the golden figure's size, but by no less than this fraction of the picture.
MIN_GOLDEN_EXTENT = 0.1


def sigmas(keypoints: int) -> Floats:
    """Per-keypoint constants of the usual set of so many keypoints, float64 [keypoints]; 1/K where there is none."""
    return np.array(usual(keypoints).sigmas)


def sigmas_of(truth: Truth) -> Floats:
    """Per-keypoint constants of labels, float64 [K]."""
    return sigmas(truth.keypoints_px.shape[1]) if truth.skeleton is None else np.array(truth.skeleton.sigmas)


def oks_st(
    predicted: Floats, label: Floats, box: Floats, width: int, height: int, constants: Floats | None = None
) -> float | None:
    """ST's OKS of one prediction and one label, 0..1. None when no keypoint is labelled or the box is empty.

    Args:
        box: [4] x, y, width, height of the label, pixels.
        width, height: of the picture, pixels.
        constants: per keypoint, float64 [K]; None for those of the usual set.
    """
    constants = sigmas(len(label)) if constants is None else constants
    labelled = label[:, 2] > 0
    area = BOX_TO_AREA * (float(box[2]) / width) * (float(box[3]) / height)
    if not labelled.any() or area <= 0:
        return None
    squared = ((predicted[:, 0] - label[:, 0]) / width) ** 2 + ((predicted[:, 1] - label[:, 1]) / height) ** 2
    similarity = np.exp(-squared / (2 * (2 * constants) ** 2 * area))
    # A device that answers NaN has not found the keypoint.
    return float(np.nan_to_num(similarity[labelled], nan=0.0).mean())


def oks_matrix_st(predicted: Floats, truth: Truth, width: int, height: int) -> Floats:
    """ST's OKS of every prediction with every label, float64 [P, T]; 0 for those that are no targets (`is_target`).

    Args:
        predicted: [P, K, 3] pixels.
        truth: labels of K keypoints.
        width, height: of the picture, pixels.
    """
    labels, boxes = truth.keypoints_px, truth.boxes_px
    constants = sigmas_of(truth)
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


def oks_coco(predicted: Floats, label: Floats, box: Floats, area: float, constants: Floats | None = None) -> float:
    """COCO's OKS of one prediction and one label, 0..1. Without labelled keypoints: how far outside the doubled box.

    Args:
        box: [4] x, y, width, height of the label, pixels.
        area: of the label's segment, square pixels.
        constants: per keypoint, float64 [K]; None for those of the usual set.
    """
    constants = sigmas(len(label)) if constants is None else constants
    labelled = label[:, 2] > 0
    if labelled.any():
        dx, dy = predicted[:, 0] - label[:, 0], predicted[:, 1] - label[:, 1]
    else:
        left, top, width, height = (float(value) for value in box)
        dx = np.maximum(0, left - width - predicted[:, 0]) + np.maximum(0, predicted[:, 0] - (left + 2 * width))
        dy = np.maximum(0, top - height - predicted[:, 1]) + np.maximum(0, predicted[:, 1] - (top + 2 * height))
        labelled = np.ones_like(labelled)
    error = (dx**2 + dy**2) / (2 * constants) ** 2 / (area + np.spacing(1)) / 2
    return float(np.exp(-error[labelled]).mean())


def oks_vs_truth(predicted: Floats, truth: Truth, width: int, height: int) -> float | None:
    """ST's OKS of one picture: the best pair of a predicted person and a target (`is_target`).

    On a picture of one person this is ST's definition; only those enter a network's figure (`is_single_person`).

    Args:
        predicted: [P, K, 3] pixels.
        truth: labels of the K keypoints, or of a set that has them (`truth_for`).
    Returns:
        0..1; 0.0 when nothing was predicted; None when there is no target: nobody labelled, or without an area.
    """
    converted = truth_for(truth, predicted.shape[1])
    scores: list[float] = []
    targets = is_target(converted)
    for label, box in zip(converted.keypoints_px[targets], converted.boxes_px[targets], strict=True):
        of_person = [oks_st(person, label, box, width, height, sigmas_of(converted)) for person in predicted]
        scores.append(max((score for score in of_person if score is not None), default=0.0))
    return max(scores) if scores else None


@dataclass(frozen=True)
class Pair:
    """A person of the device and the golden's that it is compared with."""

    device: int
    golden: int
    oks: float


def pair_persons(
    device: Floats, golden: Floats, width: int, height: int, skeleton: Skeleton | None = None
) -> list[Pair]:
    """Which persons to compare: again and again the most similar two that are left, by ST's OKS with golden labels.

    All keypoints count. The box is the golden figure's extent, at least MIN_GOLDEN_EXTENT of the picture on either
    side. Ties: the earlier person of the device, then of the golden.

    Args:
        device, golden: [P, K, 3] pixels.
        skeleton: which keypoints they are; None: the usual set of so many.
    """
    if not len(device) or not len(golden):
        return []
    low, high = golden[..., :2].min(axis=1), golden[..., :2].max(axis=1)
    size = np.maximum(high - low, MIN_GOLDEN_EXTENT * np.array([width, height]))
    labels = np.concatenate([golden[..., :2], np.full((*golden.shape[:2], 1), 2.0)], axis=2)
    count = len(golden)
    boxes, crowd = np.concatenate([low, size], axis=1), np.zeros(count, dtype=np.bool_)
    matrix = oks_matrix_st(device, Truth(labels, boxes, size.prod(axis=1), crowd, skeleton), width, height)
    left, pairs = matrix.copy(), []
    for _ in range(min(matrix.shape)):
        row, column = (int(index) for index in np.unravel_index(left.argmax(), left.shape))
        pairs.append(Pair(row, column, float(matrix[row, column])))
        left[row], left[:, column] = -1.0, -1.0
    return pairs


def oks_vs_golden(device: Floats, golden: Floats, width: int, height: int, skeleton: Skeleton | None = None) -> float:
    """ST's OKS of the device's persons with the golden's in the place of labels (`pair_persons`).

    The mean over all persons; one that only device or golden has counts 0. Both none: 1.0.

    Args:
        device, golden: [P, K, 3] pixels.
        skeleton: which keypoints they are; None: the usual set of so many.
    """
    persons = max(len(device), len(golden))
    pairs = pair_persons(device, golden, width, height, skeleton)
    return sum(pair.oks for pair in pairs) / persons if persons else 1.0


def is_single_person(truth: Truth) -> bool:
    """True for pictures of exactly one person, who is a target: those that enter ST's OKS figure."""
    return len(truth.crowd) == 1 and bool(is_target(truth)[0])


def can_judge(labels: Skeleton, network: Skeleton) -> bool:
    """Whether labels of one set judge a network of another: they have all its keypoints, or COCO's for ST's 13."""
    if labels.names == network.names or rows_among(network.names, labels.names):
        return True
    return network.names == ST_13.names and rows_among(COCO_17.names, labels.names) is not None


def set_of(truth: Truth) -> Skeleton:
    """Which keypoints labels are of."""
    return truth.skeleton or usual(truth.keypoints_px.shape[1])


def truth_for(truth: Truth, network: int | Skeleton) -> Truth:
    """Labels of a network's keypoints: as they are, those of them that it has by name, or COCO's 17 as ST's 13.

    The head is the mean of the labelled face points, visible when one of them is.

    Args:
        network: its keypoint set, whose sigmas the labels have then; or how many of the labels' or the usual set.

    Raises:
        ModelError: the labels have another set that cannot be converted.
    """
    labels = set_of(truth)
    if isinstance(network, int):
        network = labels if len(labels.names) == network else usual(network)
    if labels == network:
        return truth
    if not can_judge(labels, network):
        which = "" if len(labels.names) != len(network.names) else f" ({labels.name}, {network.name})"
        raise ModelError(
            f"Labels of {len(labels.names)} keypoints cannot judge a network of {len(network.names)} keypoints{which}."
        )
    rows = rows_among(network.names, labels.names)
    if rows is not None:
        return replace(truth, keypoints_px=truth.keypoints_px[:, list(rows)], skeleton=network)
    body = rows_among(COCO_17.names, labels.names)
    assert body is not None, "can_judge"
    return replace(truth, keypoints_px=_with_one_head(truth.keypoints_px[:, list(body)]), skeleton=network)


def _with_one_head(points: Floats) -> Floats:
    """COCO's 17 as ST's 13, [P, 17, 3] -> [P, 13, 3]."""
    converted = np.zeros((len(points), 13, 3))
    converted[:, 1:] = points[:, len(FACE_ROWS) :]
    for row, person in enumerate(points):
        face = person[: len(FACE_ROWS)]
        labelled = face[face[:, 2] > 0]
        if len(labelled):
            converted[row, 0] = (*labelled[:, :2].mean(axis=0), labelled[:, 2].max())
    return converted


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
