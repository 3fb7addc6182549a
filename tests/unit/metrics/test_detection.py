"""Mean average precision: COCO's against pycocotools, ST's against plain loops; bootstrap intervals over pictures."""

from __future__ import annotations

import contextlib
import io
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_stm32pose.metrics import detection
from pytest_stm32pose.metrics.keypoints import oks_st
from pytest_stm32pose.types import Truth

WIDTH, HEIGHT = 320, 240
COCO_IDS = 17


def scene(seed: int, quality: float = 8.0) -> tuple[np.ndarray, np.ndarray, Truth]:
    """Predictions [P, 17, 3] with scores, and labels: near, far and missing persons, crowds, unlabelled ones, ties."""
    random = np.random.default_rng(seed)
    persons = int(random.integers(0, 5))
    labels = np.zeros((persons, COCO_IDS, 3))
    labels[..., 0] = random.uniform(0, WIDTH, (persons, 1)) + random.uniform(-40, 40, (persons, COCO_IDS))
    labels[..., 1] = random.uniform(0, HEIGHT, (persons, 1)) + random.uniform(-60, 60, (persons, COCO_IDS))
    labels[..., 2] = random.integers(0, 3, (persons, COCO_IDS))
    labels[random.random(persons) < 0.15, :, 2] = 0
    low = labels[..., :2].min(axis=1) if persons else np.zeros((0, 2))
    size = (labels[..., :2].max(axis=1) - low) if persons else np.zeros((0, 2))
    boxes = np.concatenate([low, size], axis=1)
    truth = Truth(labels, boxes, boxes[:, 2] * boxes[:, 3] * 0.6, random.random(persons) < 0.1)
    found = [labels[i, :, :2] + random.normal(0, quality, (COCO_IDS, 2)) for i in random.permutation(persons)]
    found += [found[0] + random.normal(0, 2, (COCO_IDS, 2))] if found else []
    found += [random.uniform(0, WIDTH, (COCO_IDS, 2)) for _ in range(int(random.integers(0, 30)))]
    predicted = np.zeros((len(found), COCO_IDS, 3))
    for row, points in enumerate(found):
        predicted[row, :, :2] = points
    return predicted, random.integers(1, 6, len(found)) / 8, truth


def by_pycocotools(scenes: list[tuple[np.ndarray, np.ndarray, Truth]]) -> np.ndarray | None:
    """AP at each threshold; None when there is no target."""
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is the reference of this test")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    images = [{"id": i + 1, "width": WIDTH, "height": HEIGHT} for i in range(len(scenes))]
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image, (predicted, scores, truth) in enumerate(scenes, 1):
        for points, box, area, crowd in zip(
            truth.keypoints_px, truth.boxes_px, truth.areas_px, truth.crowd, strict=True
        ):
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image, "category_id": 1, "keypoints": points.ravel().tolist(),
                 "num_keypoints": int((points[:, 2] > 0).sum()), "bbox": box.tolist(), "area": float(area),
                 "iscrowd": int(crowd)}
            )  # fmt: skip
        for points, score in zip(predicted, scores, strict=True):
            results.append(
                {"image_id": image, "category_id": 1, "keypoints": points.ravel().tolist(), "score": float(score)}
            )
    if not results:
        return None
    with contextlib.redirect_stdout(io.StringIO()):
        labels = coco.COCO()
        labels.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}],
                          "info": {}}  # fmt: skip
        labels.createIndex()
        evaluation = cocoeval.COCOeval(labels, labels.loadRes(results), "keypoints")
        evaluation.params.imgIds = [image["id"] for image in images]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, 0, 0, 0]
    return None if (precision < 0).any() else precision.mean(axis=1)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=6), st.sampled_from([2.0, 8.0, 20.0]))
@settings(deadline=None)
def test_coco_equals_pycocotools(seeds: list[int], quality: float) -> None:
    scenes = [scene(seed, quality) for seed in seeds]
    ours = detection.average_precision_coco([detection.match_coco(*each) for each in scenes])
    expected = by_pycocotools(scenes)
    if expected is None:
        assert np.isnan(ours).all() or not any(len(predicted) for predicted, _, _ in scenes)
        return
    np.testing.assert_allclose(ours, expected, atol=1e-9, rtol=0)


def test_a_segment_without_area_is_cocos_target_and_sts_is_none() -> None:
    """Where the definitions differ: COCO counts a person whom only an exact prediction can match."""
    for seed in range(40):
        predicted, scores, truth = scene(seed)
        if not len(truth.crowd) or truth.crowd[0] or not (truth.keypoints_px[0, :, 2] > 0).any() or not len(scores):
            continue
        areas = truth.areas_px.copy()
        areas[0] = 0.0
        flat = Truth(truth.keypoints_px, truth.boxes_px, areas, truth.crowd)
        expected = by_pycocotools([(predicted, scores, flat)])
        ours = detection.average_precision_coco([detection.match_coco(predicted, scores, flat)])
        assert expected is not None
        np.testing.assert_allclose(ours, expected, atol=1e-9, rtol=0)
        both = [detection.match_st(predicted, scores, each, WIDTH, HEIGHT).targets for each in (truth, flat)]
        assert both[0] - both[1] == 1


def match_by_loop(predicted: np.ndarray, truth: Truth) -> tuple[list[float], int]:
    """ST's matching from the definition: OKS of each prediction's match, and the number of targets."""
    targets = [
        i for i in range(len(truth.crowd)) if not truth.crowd[i] and (truth.keypoints_px[i, :, 2] > 0).any()
        and truth.boxes_px[i, 2] > 0 and truth.boxes_px[i, 3] > 0
    ]  # fmt: skip
    oks = [0.0] * len(predicted)
    winners: dict[int, tuple[float, int]] = {}
    for row, person in enumerate(predicted):
        each = [oks_st(person, truth.keypoints_px[i], truth.boxes_px[i], WIDTH, HEIGHT) or 0.0 for i in targets]
        if each and max(each) > 0:
            best = each.index(max(each))
            if best not in winners or each[best] > winners[best][0]:
                winners[best] = (each[best], row)
    for value, row in winners.values():
        oks[row] = value
    return oks, len(targets)


def precision_by_loop(pictures: list[detection.Matches], threshold: float) -> float:
    """AP from the definition: a list of (score, true), walked in order."""
    found = [(score, oks > threshold) for each in pictures for score, oks in zip(each.scores, each.oks, strict=True)]
    found.sort(key=lambda pair: -pair[0])
    targets, true, points = sum(each.targets for each in pictures), 0, []
    for number, (_, hit) in enumerate(found, 1):
        true += hit
        points.append((true / targets, true / number))
    if not true:
        return 0.0
    points = [(0.0, 1.0), *points, (1.0, 0.0)]
    curve: dict[float, float] = {}
    for index, (recall, _) in enumerate(points):
        curve.setdefault(recall, max(precision for _, precision in points[index:]))
    recalls = sorted(curve)
    values = np.interp(np.linspace(0, 1, 101), recalls, [curve[recall] for recall in recalls])
    return float(sum((a + b) / 2 for a, b in itertools.pairwise(values)) / 100)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=5), st.sampled_from([2.0, 8.0, 20.0]))
@settings(deadline=None)
def test_st_equals_a_plain_loop(seeds: list[int], quality: float) -> None:
    matches = []
    for seed in seeds:
        predicted, scores, truth = scene(seed, quality)
        found = detection.match_st(predicted, scores.tolist(), truth, WIDTH, HEIGHT)
        oks, targets = match_by_loop(predicted, truth)
        assert found.targets == targets
        assert found.oks == pytest.approx(oks, abs=1e-12)
        matches.append(found)
    ours = detection.average_precision_st(matches)
    if not sum(each.targets for each in matches):
        assert np.isnan(ours).all()
        assert detection.map50(matches) is None
        return
    expected = [precision_by_loop(matches, threshold) for threshold in detection.THRESHOLDS]
    assert ours.tolist() == pytest.approx(expected, abs=1e-12)
    assert detection.map50(matches) == pytest.approx(expected[0], abs=1e-12)


def test_perfect_and_hopeless() -> None:
    perfect = detection.Matches((0.9, 0.8), (1.0, 1.0), 2)
    assert detection.map50([perfect, perfect]) == 1.0
    assert detection.map50([detection.Matches((), (), 3)]) == 0.0
    assert detection.map50([detection.Matches((0.9,), (0.4,), 1)]) == 0.0
    assert detection.map50([]) is None


def test_one_prediction_per_person_and_ties_go_to_the_earlier_picture() -> None:
    label = np.zeros((1, COCO_IDS, 3))
    label[0, :, :2], label[0, :, 2] = np.linspace(10, 100, COCO_IDS)[:, np.newaxis], 2
    truth = Truth(label, np.array([[10.0, 10, 90, 90]]), np.array([8100.0]), np.array([False]))
    near, exact = label.copy(), label.copy()
    near[..., 0] += 3
    both = np.concatenate([near, exact])
    found = detection.match_st(both, [0.9, 0.2], truth, WIDTH, HEIGHT)
    assert found.oks == (0.0, 1.0), "the most similar of two is the match, whatever the scores"
    true, false = detection.Matches((0.5,), (1.0,), 1), detection.Matches((0.5,), (0.0,), 0)
    assert detection.map50([true, false]) == 1.0
    assert detection.map50([false, true]) == pytest.approx(precision_by_loop([false, true], 0.5))
    worse = detection.map50([false, true])
    assert worse is not None and worse < 1.0


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=5))
@settings(deadline=None)
def test_labels_and_predictions_that_are_no_numbers(seeds: list[int]) -> None:
    for seed in seeds:
        predicted, scores, truth = scene(seed)
        predicted[::2] = np.nan
        found = detection.match_st(predicted, scores.tolist(), truth, WIDTH, HEIGHT)
        assert all(np.isfinite(found.oks))
        assert not any(found.oks[::2])


def test_interval_over_pictures() -> None:
    pictures = []
    for seed in range(40):
        predicted, scores, truth = scene(seed, 4.0)
        pictures.append(detection.match_st(predicted, scores.tolist(), truth, WIDTH, HEIGHT))
    interval = detection.map50_interval(pictures)
    assert interval == detection.map50_interval(pictures)
    assert interval is not None
    assert interval.n == 40
    assert interval.mean == detection.map50(pictures)
    assert 0 < interval.low < interval.mean < interval.high < 1
    # The reference draws real lists of pictures, with a random generator of its own.
    random = np.random.default_rng(7)
    values = [
        precision_by_loop([pictures[i] for i in sorted(random.integers(0, 40, 40))], 0.5) for _ in range(300)
    ]  # fmt: skip
    assert interval.low == pytest.approx(np.quantile(values, 0.025), abs=0.04)
    assert interval.high == pytest.approx(np.quantile(values, 0.975), abs=0.04)


def test_no_interval_of_one_picture_or_without_persons() -> None:
    assert detection.map50_interval([detection.Matches((0.9,), (1.0,), 1)]) is None
    assert detection.map50_interval([detection.Matches((0.9,), (0.0,), 0)] * 3) is None
