"""Mean average precision of networks that find several persons, by ST's definition and by COCO's.

ST (behind the model zoo's mAP figures): OKS in coordinates normalised by the picture (keypoints.oks_st). Each
prediction belongs to the labelled person that it resembles most; of those that share one, the most similar is its
match, the others are false. A match counts at a threshold that its OKS exceeds. Precision envelope, integrated over
recall by the trapezoid rule on 101 points (stm32ai-modelzoo, pose_estimation/src/evaluation/metrics.py; there a network
that finds nobody has 0.5, here 0). Persons without labelled keypoints, and crowds, are no targets.

COCO (pycocotools cocoeval, keypoints, all areas): OKS in pixels; in the order of their scores predictions take the
best target that is left; at most 20 a picture; what matches a crowd or an unlabelled person does not count.

Ties are fixed: among equal scores the earlier picture comes first, then the earlier prediction; among equal OKS the
earlier label and the earlier prediction (COCO: the later label, as pycocotools).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.metrics.keypoints import is_labelled, is_target, oks_matrix_st, sigmas_of, truth_for
from pytest_stm32pose.metrics.statistics import RESAMPLES, Interval, resampled_interval
from pytest_stm32pose.types import Truth

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]

THRESHOLDS: Floats = np.linspace(0.5, 0.95, 10)
RECALLS: Floats = np.linspace(0, 1, 101)
THRESHOLDS.setflags(write=False)
RECALLS.setflags(write=False)
COCO_MAX_PERSONS = 20
COCO_MAX_AREA = 1e10


@dataclass(frozen=True)
class Matches:
    """One picture's predictions against its labels, by ST's definition."""

    scores: tuple[float, ...]  #: of the predictions, in their order
    oks: tuple[float, ...]  #: of each prediction with the person that it matches, 0 without one
    targets: int  #: labelled persons


def match_st(
    predicted: Floats, scores: Sequence[float] | NDArray[np.floating], truth: Truth, width: int, height: int
) -> Matches:
    """Matches one picture. `predicted` [P, K, 3] pixels; labels of 17 or K keypoints.

    Raises:
        ModelError: there is no OKS for that many keypoints, or labels of another set.
    """
    converted = truth_for(truth, predicted.shape[1])
    targets = int(is_target(converted).sum())
    oks = np.zeros(len(predicted))
    if targets and len(predicted):
        matrix = oks_matrix_st(predicted, converted, width, height)
        best = matrix.argmax(axis=1)
        for target in np.unique(best):
            rivals = np.flatnonzero(best == target)
            winner = rivals[matrix[rivals, target].argmax()]
            oks[winner] = matrix[winner, target]
    # A device's nonsense must not break the order: NaN is the lowest score.
    finite = np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=0.0)
    return Matches(tuple(finite.tolist()), tuple(oks.tolist()), targets)


def average_precision_st(pictures: Sequence[Matches], thresholds: Sequence[float] | Floats = THRESHOLDS) -> Floats:
    """AP by ST's definition at each OKS threshold, float64 [T], 0..1; NaN when no picture has a labelled person."""
    flat = _flatten(pictures)
    return np.array([flat.precision(threshold, np.ones(len(pictures), np.int32)) for threshold in thresholds])


def map50(pictures: Sequence[Matches]) -> float | None:
    """mAP@0.5 by ST's definition, 0..1; None when no picture has a labelled person."""
    value = float(average_precision_st(pictures, [0.5])[0])
    return None if np.isnan(value) else value


def map50_interval(
    pictures: Sequence[Matches], confidence: float = 0.95, resamples: int = RESAMPLES
) -> Interval | None:
    """mAP@0.5 with its bootstrap interval over pictures; None for fewer than two pictures or without labelled persons.

    A picture that a resample draws n times counts n times, in its own place in the order. Resamples without any
    labelled person have no mAP and are left out. The same pictures in the same order give the same interval.
    """
    value = map50(pictures)
    if value is None or len(pictures) < 2:
        return None
    flat = _flatten(pictures)
    return resampled_interval(value, len(pictures), lambda weights: flat.precision(0.5, weights), confidence, resamples)


class Map50:
    """mAP@0.5 of some pictures, of which each may count any number of times."""

    def __init__(self, pictures: Sequence[Matches]) -> None:
        self._flat = _flatten(pictures)

    def figure(self, weights: Counts) -> float:
        """With every picture counted `weights` times, int32 [pictures]; NaN when that leaves no person."""
        return self._flat.precision(0.5, weights)

    def of_both(self, weights: Counts) -> tuple[float, float]:
        """The figure of the pictures whose weight is 1, and of those whose weight is 0."""
        return self._flat.precisions_of_both(0.5, weights)


@dataclass(frozen=True)
class _Flat:
    """All predictions of all pictures, by descending score."""

    picture: NDArray[np.intp]
    oks: Floats
    targets: NDArray[np.int64]  #: [pictures]
    _known: dict[float, NDArray[np.intp]] = field(default_factory=dict)  #: by threshold

    def precision(self, threshold: float, weights: Counts) -> float:
        """AP at one threshold; `weights` [pictures] how often each counts. NaN without targets."""
        targets = int(self.targets @ weights)
        hits = self._hits(threshold)
        weight = weights[self.picture]
        return _area(np.cumsum(weight[hits]), np.cumsum(weight)[hits], targets)

    def precisions_of_both(self, threshold: float, weights: Counts) -> tuple[float, float]:
        """AP of the pictures whose weight is 1, and of the others: what one of them has not is the other's."""
        targets = int(self.targets @ weights)
        hits = self._hits(threshold)
        weight = weights[self.picture]
        true, every = np.cumsum(weight[hits]), np.cumsum(weight)[hits]
        others = int(self.targets.sum()) - targets
        return _area(true, every, targets), _area(np.arange(1, len(hits) + 1) - true, hits + 1 - every, others)

    def _hits(self, threshold: float) -> NDArray[np.intp]:
        if threshold not in self._known:
            self._known[threshold] = np.flatnonzero(self.oks > threshold)
        return self._known[threshold]


def _area(true: NDArray[np.integer], every: NDArray[np.integer], targets: int) -> float:
    """AP of predictions by descending score; NaN without targets.

    Args:
        true, every: of each hit, how many hits and how many predictions there are up to it.
    """
    if targets == 0:
        return float("nan")
    # Between two hits precision only falls and recall stays: the hits are all that the envelope is made of.
    if not len(true) or true[-1] == 0:
        return 0.0
    precision, recall = np.empty(len(true) + 2), np.empty(len(true) + 2)
    precision[0], precision[-1], recall[0], recall[-1] = 1.0, 0.0, 0.0, 1.0
    np.divide(true, np.maximum(every, 1), out=precision[1:-1])
    np.divide(true, targets, out=recall[1:-1])
    # Of thousands of hits the neighbours of RECALLS are looked at: the first with as much recall, and that before.
    after = np.searchsorted(recall, RECALLS)
    before = np.searchsorted(recall, recall[np.maximum(after - 1, 0)])
    near = np.unique(np.concatenate([before, after]))
    envelope = np.maximum.accumulate(np.maximum.reduceat(precision, near)[::-1])[::-1]
    return float(np.trapezoid(np.interp(RECALLS, recall[near], envelope), RECALLS))


def _flatten(pictures: Sequence[Matches]) -> _Flat:
    count = [len(matches.scores) for matches in pictures]
    picture = np.repeat(np.arange(len(pictures)), count)
    scores = np.array([score for matches in pictures for score in matches.scores], dtype=np.float64)
    oks = np.array([value for matches in pictures for value in matches.oks], dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    return _Flat(picture[order], oks[order], np.array([matches.targets for matches in pictures], dtype=np.int64))


@dataclass(frozen=True)
class CocoMatches:
    """One picture's predictions against its labels, by COCO's definition; descending scores, at most 20."""

    scores: Floats  #: [P]
    hits: NDArray[np.bool_]  #: [T, P] matched at threshold T
    ignored: NDArray[np.bool_]  #: [T, P] counts neither as true nor as false
    targets: int


def match_coco(predicted: Floats, scores: Sequence[float] | NDArray[np.floating], truth: Truth) -> CocoMatches:
    """Matches one picture. `predicted` [P, K, 3] pixels; labels of 17 or K keypoints.

    Raises:
        ModelError: there is no OKS for that many keypoints, or labels of another set.
    """
    labels = truth_for(truth, predicted.shape[1])
    given = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-given, kind="stable")[:COCO_MAX_PERSONS]
    persons = predicted[order]
    outside = (labels.areas_px > COCO_MAX_AREA) | (labels.areas_px < 0)
    ignorable = np.logical_or.reduce([~is_labelled(labels), labels.crowd, outside])
    # Targets come before what is ignored, each in the order of the labels.
    placed = np.argsort(ignorable, kind="stable")
    matrix = oks_matrix_coco(persons, labels)[:, placed]
    ignorable, crowd = np.take(ignorable, placed), labels.crowd[placed]
    hits = np.zeros((len(THRESHOLDS), len(persons)), dtype=np.bool_)
    ignored = np.zeros_like(hits)
    for row, threshold in enumerate(THRESHOLDS):
        hits[row], ignored[row] = _assign(matrix, ignorable, crowd, float(threshold))
    ignored |= ~hits & (_extent(persons) > COCO_MAX_AREA)
    return CocoMatches(given[order], hits, ignored, int((~ignorable).sum()))


def oks_matrix_coco(predicted: Floats, truth: Truth) -> Floats:
    """COCO's OKS of every prediction with every label, float64 [P, T]; `truth` of K keypoints."""
    labels, boxes = truth.keypoints_px, truth.boxes_px
    labelled = labels[..., 2] > 0
    some = is_labelled(truth)
    offset = predicted[:, np.newaxis, :, :2] - labels[np.newaxis, :, :, :2]
    low, high = boxes[:, :2] - boxes[:, 2:], boxes[:, :2] + 2 * boxes[:, 2:]
    points = predicted[:, np.newaxis, :, :2]
    outside = np.maximum(0, low[:, np.newaxis] - points) + np.maximum(0, points - high[:, np.newaxis])
    squared = (np.where(some[:, np.newaxis, np.newaxis], offset, outside) ** 2).sum(axis=3)
    variances = (sigmas_of(truth) * 2) ** 2
    error = squared / variances / (truth.areas_px[:, np.newaxis] + np.spacing(1)) / 2
    used = np.where(some[:, np.newaxis], labelled, True)
    oks: Floats = np.where(used, np.exp(-error), 0.0).sum(axis=2) / used.sum(axis=1)
    return oks


def average_precision_coco(pictures: Sequence[CocoMatches]) -> Floats:
    """AP by COCO's definition at each of THRESHOLDS, float64 [T], 0..1; NaN when no picture has a target.

    mAP@0.5 is its first element, mAP@[.5:.95] its mean.
    """
    targets = sum(matches.targets for matches in pictures)
    if not targets:
        return np.full(len(THRESHOLDS), np.nan)
    scores = np.concatenate([matches.scores for matches in pictures])
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([matches.hits for matches in pictures], axis=1)[:, order]
    counts = ~np.concatenate([matches.ignored for matches in pictures], axis=1)[:, order]
    true = np.cumsum(hits & counts, axis=1).astype(np.float64)
    false = np.cumsum(~hits & counts, axis=1).astype(np.float64)
    values = np.zeros(len(THRESHOLDS))
    for row in range(len(THRESHOLDS)):
        precision = true[row] / (true[row] + false[row] + np.spacing(1))
        envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
        at = np.searchsorted(true[row] / targets, RECALLS, side="left")
        values[row] = envelope[at].mean()
    return values


def _assign(
    matrix: Floats, ignorable: NDArray[np.bool_], crowd: NDArray[np.bool_], threshold: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Greedy matching of the predictions in order; whether each has a match, and whether that one is ignored."""
    free = np.ones(len(ignorable), dtype=np.bool_)
    hits, ignored = np.zeros(len(matrix), dtype=np.bool_), np.zeros(len(matrix), dtype=np.bool_)
    for row, oks in enumerate(matrix):
        possible = (free | crowd) & (oks >= min(threshold, 1 - 1e-10))
        for group in (possible & ~ignorable, possible & ignorable):
            choices = np.flatnonzero(group)
            if len(choices):
                best = choices[len(choices) - 1 - oks[choices][::-1].argmax()]  # the later one of equals
                hits[row], ignored[row] = True, ignorable[best]
                free[best] = False
                break
    return hits, ignored


def _extent(persons: Floats) -> Floats:
    """Area that the keypoints of each person span, square pixels."""
    if not len(persons):
        return np.zeros(0)
    sides = persons[..., :2].max(axis=1) - persons[..., :2].min(axis=1)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float64)
