"""OKS against pycocotools and against an independent computation; PCK, pixel errors, the 13-keypoint labels."""

from __future__ import annotations

import itertools
import math
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_stm32pose.errors import ModelError
from pytest_stm32pose.metrics import keypoints as metrics
from pytest_stm32pose.metrics.detection import match_st
from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13, limb_side, skeleton_of, usual
from pytest_stm32pose.types import Truth

#: Copied by hand from the COCO keypoint evaluation page, in its order.
PUBLISHED = [
    0.026,
    0.025,
    0.025,
    0.035,
    0.035,
    0.079,
    0.079,
    0.072,
    0.072,
    0.062,
    0.062,
    0.107,
    0.107,
    0.087,
    0.087,
    0.089,
    0.089,
]

COORDINATES = st.floats(-50, 700, allow_subnormal=False)
PERSONS = hnp.arrays(np.float64, (17, 2), elements=COORDINATES)
VISIBILITY = hnp.arrays(np.int64, 17, elements=st.integers(0, 2))
BOXES = st.tuples(st.floats(0, 600), st.floats(0, 400), st.floats(1, 600), st.floats(1, 400))


def keypoints(xy: np.ndarray, third: np.ndarray) -> np.ndarray:
    return np.column_stack([xy, third]).astype(np.float64)


def truth(
    *labels: np.ndarray,
    boxes: list[tuple[float, ...]] | None = None,
    crowd: list[bool] | None = None,
    areas: list[float] | None = None,
) -> Truth:
    count = len(labels)
    return Truth(
        np.array(labels),
        np.array(boxes or [(0, 0, 100, 200)] * count, dtype=np.float64),
        np.array(areas or [1000.0] * count),
        np.array(crowd or [False] * count),
    )


@given(PERSONS, PERSONS, VISIBILITY, BOXES, st.floats(1, 1e5))
def test_coco_oks_equals_pycocotools(
    predicted: np.ndarray, label: np.ndarray, visibility: np.ndarray, box: tuple[float, ...], area: float
) -> None:
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    evaluation = cocoeval.COCOeval(iouType="keypoints")
    mine, theirs = keypoints(predicted, np.ones(17)), keypoints(label, visibility)
    evaluation._gts[1, 1] = [{"keypoints": theirs.ravel().tolist(), "bbox": list(box), "area": area}]
    evaluation._dts[1, 1] = [{"keypoints": mine.ravel().tolist(), "score": 1.0, "bbox": list(box), "area": area}]
    evaluation.params.maxDets = [20]
    reference = float(evaluation.computeOks(1, 1)[0, 0])
    assert metrics.oks_coco(mine, theirs, np.array(box), area) == pytest.approx(reference, abs=1e-9)


@given(PERSONS, PERSONS, VISIBILITY, BOXES, st.integers(16, 4000), st.integers(16, 4000))
def test_st_oks_equals_the_formula(
    predicted: np.ndarray, label: np.ndarray, visibility: np.ndarray, box: tuple[float, ...], width: int, height: int
) -> None:
    terms = []
    for index in range(17):
        if visibility[index]:
            dx = (predicted[index][0] - label[index][0]) / width
            dy = (predicted[index][1] - label[index][1]) / height
            area = 0.53 * (box[2] / width) * (box[3] / height)
            terms.append(math.exp(-(dx * dx + dy * dy) / (2 * (2 * PUBLISHED[index]) ** 2 * area)))
    mine, theirs = keypoints(predicted, np.ones(17)), keypoints(label, visibility)
    score = metrics.oks_st(mine, theirs, np.array(box), width, height)
    if terms:
        assert score == pytest.approx(sum(terms) / len(terms), abs=1e-9)
        assert score is not None and 0.0 <= score <= 1.0
    else:
        assert score is None


def test_sigmas() -> None:
    np.testing.assert_array_equal(metrics.sigmas(17), PUBLISHED)
    np.testing.assert_array_equal(metrics.sigmas(13), [0.035, *PUBLISHED[5:]])
    np.testing.assert_array_equal(metrics.sigmas(5), [1 / 5] * 5)


def test_thirteen_labels_have_the_mean_of_the_labelled_face_points() -> None:
    label = np.zeros((17, 3))
    label[0] = (10, 20, 1)
    label[2] = (30, 60, 2)
    label[1] = (999, 999, 0)
    label[16] = (5, 6, 2)
    converted = metrics.truth_for(truth(label, np.zeros((17, 3))), 13)
    assert converted.keypoints_px.shape == (2, 13, 3)
    np.testing.assert_array_equal(converted.keypoints_px[0, 0], [20, 40, 2])
    np.testing.assert_array_equal(converted.keypoints_px[0, 12], [5, 6, 2])
    assert not converted.keypoints_px[1].any()
    assert metrics.truth_for(converted, 13) is converted
    with pytest.raises(ModelError, match="13 keypoints cannot judge a network of 17"):
        metrics.truth_for(converted, 17)


@given(PERSONS, VISIBILITY)
def test_perfect_and_hopeless_predictions(label: np.ndarray, visibility: np.ndarray) -> None:
    labelled = keypoints(label, visibility)
    one = truth(labelled)
    perfect = metrics.oks_vs_truth(keypoints(label, np.ones(17))[np.newaxis], one, 640, 480)
    hopeless = metrics.oks_vs_truth(keypoints(label + 1e6, np.ones(17))[np.newaxis], one, 640, 480)
    nonsense = metrics.oks_vs_truth(np.full((1, 17, 3), np.nan), one, 640, 480)
    nothing = metrics.oks_vs_truth(np.zeros((0, 17, 3)), one, 640, 480)
    expected = (1.0, 0.0, 0.0, 0.0) if visibility.any() else (None,) * 4
    assert (perfect, hopeless, nonsense, nothing) == expected


def test_several_persons_take_the_best_pair_without_crowds() -> None:
    random = np.random.default_rng(5)
    first, second, third = (keypoints(random.uniform(0, 400, (17, 2)), np.full(17, 2)) for _ in range(3))
    several = truth(first, second, third, crowd=[False, False, True])
    assert metrics.oks_vs_truth(second[np.newaxis], several, 640, 480) == 1.0
    of_crowd = metrics.oks_vs_truth(third[np.newaxis], several, 640, 480)
    assert of_crowd is not None
    assert of_crowd < 0.5
    assert not metrics.is_single_person(several)
    assert metrics.is_single_person(truth(first))
    assert not metrics.is_single_person(truth(first, crowd=[True]))
    assert not metrics.is_single_person(truth(np.zeros((17, 3))))


NO_AREA = [
    ({"boxes": [(5, 5, 0, 0)]}, "an empty box"),
    ({"boxes": [(5, 5, 40, 0)]}, "a box without height"),
    ({"boxes": [(5, 5, 0, 40)]}, "a box without width"),
    ({"areas": [0.0]}, "an empty segment"),
]


@pytest.mark.parametrize(("change", "what"), NO_AREA, ids=[what for _, what in NO_AREA])
def test_a_person_without_area_gets_no_oks_and_is_no_target(change: dict[str, Any], what: str) -> None:
    label = keypoints(np.linspace(10, 300, 34).reshape(17, 2), np.full(17, 2))
    without = truth(label, **change)
    for predicted in (label[np.newaxis], label[np.newaxis] + 50, label[np.newaxis][:0]):
        assert metrics.oks_vs_truth(predicted, without, 640, 480) is None, what
        found = match_st(predicted, np.ones(len(predicted)), without, 640, 480)
        assert (found.targets, *found.oks) == (0, *[0.0] * len(predicted))
    assert not metrics.is_single_person(without)
    assert metrics.is_single_person(truth(label))
    # Beside another one, that one alone is judged.
    other = keypoints(np.linspace(310, 400, 34).reshape(17, 2), np.full(17, 2))
    changed = {key: [*value, {"boxes": (0, 0, 100, 200), "areas": 1000.0}[key]] for key, value in change.items()}
    both = truth(label, other, **changed)
    alone = metrics.oks_vs_truth(label[np.newaxis], truth(other), 640, 480)
    assert metrics.oks_vs_truth(label[np.newaxis], both, 640, 480) == alone
    assert match_st(label[np.newaxis], [1.0], both, 640, 480).targets == 1


def test_which_labels_judge_which_networks() -> None:
    counts = itertools.product((13, 17), (5, 13, 17, 21))
    judged = [pair for pair in counts if metrics.can_judge(*(usual(count) for count in pair))]
    assert judged == [(13, 13), (17, 13), (17, 17)]


@given(PERSONS, st.integers(50, 2000), st.integers(50, 2000))
def test_oks_vs_golden(points: np.ndarray, width: int, height: int) -> None:
    golden = keypoints(points, np.zeros(17))[np.newaxis]
    assert metrics.oks_vs_golden(golden, golden, width, height) == 1.0
    near, far = (metrics.oks_vs_golden(golden + np.array([width / by, 0, 0]), golden, width, height) for by in (20, 5))
    assert 1.0 > near >= far
    assert metrics.oks_vs_golden(np.full_like(golden, np.nan), golden, width, height) == 0.0
    assert metrics.oks_vs_golden(golden[:0], golden, width, height) == 0.0
    assert metrics.oks_vs_golden(np.concatenate([golden, golden]), golden, width, height) == 0.5
    assert metrics.oks_vs_golden(golden[:0], golden[:0], width, height) == 1.0


def crowd(count: int, seed: int = 1) -> np.ndarray:
    """Persons apart from each other, [count, 17, 3] pixels of a picture of 640 x 480."""
    random = np.random.default_rng(seed)
    middle = np.stack([np.arange(count) * 600.0 / count + 20, np.full(count, 240.0)], axis=1)
    points = middle[:, np.newaxis] + random.uniform(-15, 15, (count, 17, 2))
    return np.concatenate([points, np.ones((count, 17, 1))], axis=2)


@given(st.integers(1, 8), st.randoms(use_true_random=False))
def test_persons_are_matched_whatever_their_order(count: int, random: Random) -> None:
    golden, order = crowd(count), list(range(count))
    random.shuffle(order)
    device = golden[order] + np.array([0.5, 0, 0])
    pairs = metrics.pair_persons(device, golden, 640, 480)
    assert sorted((pair.device, pair.golden) for pair in pairs) == list(enumerate(order))
    assert metrics.oks_vs_golden(golden[order], golden, 640, 480) == pytest.approx(1.0)
    missing = metrics.oks_vs_golden(golden[order][1:], golden, 640, 480)
    assert missing == pytest.approx((count - 1) / count)
    assert metrics.oks_vs_golden(golden, golden[order][1:], 640, 480) == pytest.approx((count - 1) / count)


def test_a_device_persons_double_is_not_paired_twice() -> None:
    golden = crowd(2)
    pairs = metrics.pair_persons(np.stack([golden[1], golden[1]]), golden, 640, 480)
    assert [(pair.device, pair.golden) for pair in pairs] == [(0, 1), (1, 0)]
    assert pairs[0].oks == 1.0
    assert pairs[1].oks < 0.1


def test_keypoint_sets_without_constants_are_compared_with_the_golden() -> None:
    hands = crowd(2)[:, :5]
    assert metrics.oks_vs_golden(hands, hands, 640, 480) == 1.0
    assert 0.5 < metrics.oks_vs_golden(hands + np.array([5, 0, 0]), hands, 640, 480) < 1.0


def test_one_moved_keypoint_costs_its_share() -> None:
    golden = keypoints(np.linspace(0, 300, 34).reshape(17, 2), np.ones(17))[np.newaxis]
    device = golden.copy()
    device[0, 4, 0] += 1e6
    assert metrics.oks_vs_golden(device, golden, 640, 480) == pytest.approx(16 / 17)


def test_pck_and_pixel_errors() -> None:
    label = np.zeros((17, 3))
    label[:4, 2] = 2
    predicted = np.zeros((17, 3))
    predicted[0, :2] = (3, 4)  # 5 pixels: within a tenth of the box's 200
    predicted[1, 0] = 20.0  # exactly at the limit
    predicted[2, 1] = 20.001
    predicted[3, 0] = np.nan
    predicted[9, 0] = 1000.0  # not labelled
    box = np.array([0, 0, 100, 200])
    assert metrics.pck(predicted, label, box) == 0.5
    assert metrics.pck(predicted, np.zeros((17, 3)), box) is None
    errors = metrics.pixel_errors(predicted, label)
    assert errors.per_keypoint[:5] == (5.0, 20.0, 20.001, math.inf, None)
    assert errors.max == math.inf
    every = metrics.pixel_errors(predicted[4:], label[4:], min_reference=-math.inf)
    assert (every.max, every.mean) == (1000.0, 1000.0 / 13)
    none = metrics.pixel_errors(predicted[4:], label[4:])
    assert (none.max, none.mean) == (None, None)


def test_skeletons() -> None:
    assert skeleton_of(17) is COCO_17
    assert skeleton_of(13) is ST_13
    assert skeleton_of(5) is None
    for skeleton, face in ((COCO_17, 5), (ST_13, 1)):
        count = len(skeleton.names)
        assert len(set(skeleton.names)) == count
        assert [skeleton.mirror[index] for index in skeleton.mirror] == list(range(count))
        assert {index for limb in skeleton.limbs for index in limb} == set(range(count))
        assert skeleton.names[face:] == COCO_17.names[5:]
        for index, name in enumerate(skeleton.names):
            swapped = {"left": "right", "right": "left"}.get(name.split("_")[0], "")
            mirrored = f"{swapped}_{name.split('_')[1]}" if swapped else name
            assert skeleton.names[skeleton.mirror[index]] == mirrored
    sides = {limb_side(COCO_17, limb) for limb in COCO_17.limbs}
    assert sides == {"left", "right", "centre"}
    shoulders = (COCO_17.names.index("left_shoulder"), COCO_17.names.index("right_shoulder"))
    assert limb_side(COCO_17, shoulders) == "centre"
