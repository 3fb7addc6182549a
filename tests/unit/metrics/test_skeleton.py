"""Keypoint sets: the built-in tables, a user's own, and OKS with their sigmas against pycocotools."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.metrics import keypoints as metrics
from pytest_stm32pose.metrics.detection import match_coco, match_st, oks_matrix_coco
from pytest_stm32pose.metrics.skeleton import COCO_17, SETS, ST_13, built_in, skeleton_of, unnamed, usual
from pytest_stm32pose.metrics.skeleton_table import parse_table
from pytest_stm32pose.types import Skeleton, Truth

OWN = {"names": ["tip", "left_end", "right_end"], "limbs": [["tip", "left_end"], [0, 2]], "sigmas": [0.02, 0.05, 0.1]}


@pytest.mark.parametrize("name", SETS)
def test_built_in_sets(name: str) -> None:
    found = built_in(name)
    count = len(found.names)
    assert name.endswith(str(count)) and str(count) in found.name
    assert len(set(found.names)) == len(found.sigmas) == len(found.mirror) == count
    assert [found.mirror[index] for index in found.mirror] == list(range(count))
    assert all(0 < sigma < 0.2 for sigma in found.sigmas)
    assert all(0 <= end < count for limb in found.limbs for end in limb)
    assert all(found.sigmas[found.mirror[index]] == sigma for index, sigma in enumerate(found.sigmas)) or count == 133


def test_published_sigmas() -> None:
    """Sums and single values as published (cocoeval, COCO-WholeBody's evaluation, HalpeCOCOAPI)."""
    assert built_in("coco17").sigmas[11:] == (0.107, 0.107, 0.087, 0.087, 0.089, 0.089)
    whole = built_in("wholebody133")
    assert whole.sigmas[:17] == COCO_17.sigmas
    assert whole.sigmas[17:23] == (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
    assert whole.sigmas[91:112] == whole.sigmas[112:] == built_in("hand21").sigmas
    assert (whole.sigmas[23], whole.sigmas[90], whole.names[91]) == (0.042, 0.008, "left_hand_root")
    assert built_in("halpe26").sigmas[17:] == (0.026, 0.026, 0.066, *[0.079] * 6)
    assert (built_in("blazepose33").sigmas_from, built_in("blazepose33").sigmas[0]) == ("1/K", 1 / 33)


def test_a_number_of_keypoints_names_a_set_where_only_one_has_it() -> None:
    assert [skeleton_of(count) for count in (13, 17, 12)] == [ST_13, COCO_17, None]
    assert skeleton_of(21) == built_in("hand21")
    assert (usual(12), unnamed(12).sigmas) == (unnamed(12), (1 / 12,) * 12)


def test_a_set_of_ones_own() -> None:
    text = 'name = "arrow"\nnames = ["tip", "left_end", "right_end"]\nlimbs = [["tip", "left_end"], [0, 2]]\n'
    made = parse_table(tomllib.loads(text), "arrow.toml")
    assert made == Skeleton("arrow", ("tip", "left_end", "right_end"), ((0, 1), (0, 2)), (0, 2, 1), (1 / 3,) * 3, "1/K")
    other = parse_table({**OWN, "flip": ["tip", "left_end", "right_end"]}, "arrow.toml")
    assert (other.name, other.mirror, other.sigmas_from) == ("arrow.toml", (0, 1, 2), "arrow.toml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"names": None}, "has no list `names`"),
        ({"names": []}, "has no list `names`"),
        ({"names": ["a", "a", "b"]}, "has 'a' twice"),
        ({"names": ["a", "", "b"]}, "`names[1]` is '', not a name"),
        ({"names": [str(n) for n in range(1025)]}, "1025 keypoints"),
        ({"sigmas": [0.1, 0.1]}, "has 2 values, and there are 3 keypoints"),
        ({"sigmas": [0.1, 0, 0.1]}, "`sigmas[1]` is 0, not a number above 0"),
        ({"sigmas": [0.1, float("nan"), 0.1]}, "`sigmas[1]` is nan"),
        ({"sigmas": [0.1, 10**400, 0.1]}, "`sigmas[1]` is"),
        ({"sigmas": [0.1, True, 0.1]}, "`sigmas[1]` is True"),
        ({"sigmas": 0.1}, "`sigmas` is 0.1"),
        ({"limbs": [["tip", "end"]]}, "`limbs[0]` names 'end', which is none of the 3 keypoints"),
        ({"limbs": [[0, 3]]}, "`limbs[0]` names 3"),
        ({"limbs": [[-1, 0]]}, "`limbs[0]` names -1"),
        ({"limbs": [["tip"]]}, "`limbs[0]` is ['tip'], not a pair"),
        ({"limbs": "tip"}, "`limbs` is 'tip', not a list of pairs"),
        ({"flip": [0, 1]}, "`flip` is [0, 1], not a list of 3"),
        ({"flip": [1, 2, 0]}, "`flip` gives 'left_end' for 'tip', but not"),
        ({"name": 3}, "`name` is 3, not a text"),
        ({"sigma": [1]}, "there is no key 'sigma' in a keypoint set. Did you mean sigmas?"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_table_is_one_sentence(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_table({**OWN, **change}, "arrow.toml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("arrow.toml")
    assert "\n" not in str(caught.value)


_WORDS = st.sampled_from(["", "a", "b", "left_a", "\n"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["name", "names", "limbs", "sigmas", "sigmas_from", "flip"]), _VALUES))
def test_any_table_is_a_set_or_one_sentence(table: dict[str, Any]) -> None:
    try:
        made = parse_table({"names": ["a", "b"], **table}, "x.toml")
    except ConfigError as error:
        assert str(error).startswith("x.toml")
    else:
        assert len(made.names) == len(made.sigmas) == len(made.mirror)


def truth(points: np.ndarray, skeleton: Skeleton | None) -> Truth:
    return Truth(points, np.array([[10, 10, 200, 100.0]]), np.array([9000.0]), np.array([False]), skeleton)


@pytest.mark.parametrize("name", ["mpii16", "hand21", "halpe26", "wholebody133", "ap10k17", "own"])
def test_oks_equals_pycocotools_with_the_sets_sigmas(name: str) -> None:
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    skeleton = parse_table(OWN, "own.toml") if name == "own" else built_in(name)
    count = len(skeleton.names)
    random = np.random.default_rng(count)
    label = np.column_stack([random.uniform(20, 200, (count, 2)), random.integers(0, 3, count)])
    label[0, 2] = 2
    found = np.column_stack([label[:, :2] + random.normal(0, 4, (count, 2)), np.ones(count)])
    evaluation = cocoeval.COCOeval(iouType="keypoints")
    evaluation.params.kpt_oks_sigmas = np.array(skeleton.sigmas)
    evaluation.params.maxDets = [20]
    shared: dict[str, Any] = {"bbox": [10, 10, 200, 100], "area": 9000.0}
    evaluation._gts[1, 1] = [{"keypoints": label.ravel().tolist(), **shared}]
    evaluation._dts[1, 1] = [{"keypoints": found.ravel().tolist(), "score": 1.0, **shared}]
    reference = float(evaluation.computeOks(1, 1)[0, 0])
    labels = truth(label[np.newaxis], skeleton)
    box, constants = np.array([10, 10, 200, 100.0]), np.array(skeleton.sigmas)
    assert metrics.oks_coco(found, label, box, 9000.0, constants) == pytest.approx(reference, abs=1e-9)
    assert oks_matrix_coco(found[np.newaxis], labels)[0, 0] == pytest.approx(reference, abs=1e-9)
    assert match_coco(found[np.newaxis], [1.0], labels).hits[:, 0].tolist() == [
        bool(reference >= level) for level in np.linspace(0.5, 0.95, 10)
    ]
    # ST's: the same sum with 0.53 of the box for the area, in fractions of the picture.
    area = 0.53 * (200 / 400) * (100 / 300)
    squared = ((found[:, 0] - label[:, 0]) / 400) ** 2 + ((found[:, 1] - label[:, 1]) / 300) ** 2
    used = label[:, 2] > 0
    expected = float(np.exp(-squared / (2 * (2 * constants) ** 2 * area))[used].mean())
    assert metrics.oks_vs_truth(found[np.newaxis], labels, 400, 300) == pytest.approx(expected, abs=1e-12)
    assert match_st(found[np.newaxis], [1.0], labels, 400, 300).oks[0] == pytest.approx(expected, abs=1e-12)


def test_seventeen_points_are_not_always_cocos() -> None:
    points = np.random.default_rng(0).uniform(1, 99, (1, 17, 3))
    animals = truth(points, built_in("ap10k17"))
    assert metrics.truth_for(animals, built_in("ap10k17")) is animals
    with pytest.raises(ModelError, match=r"17 keypoints cannot judge a network of 17 keypoints \(AP-10K 17, COCO 17\)"):
        metrics.truth_for(animals, COCO_17)


def test_a_larger_set_judges_a_smaller_one_by_name() -> None:
    points = np.random.default_rng(0).uniform(1, 99, (1, 133, 3))
    body = metrics.truth_for(truth(points, built_in("wholebody133")), COCO_17)
    np.testing.assert_array_equal(body.keypoints_px, points[:, :17])
    assert body.skeleton == COCO_17
    thirteen = metrics.truth_for(truth(points, built_in("wholebody133")), ST_13)
    np.testing.assert_array_equal(thirteen.keypoints_px[:, 1:], points[:, 5:17])
    np.testing.assert_allclose(thirteen.keypoints_px[0, 0, :2], points[0, :5, :2].mean(axis=0))


def test_other_sigmas_are_another_figure_against_the_golden_too() -> None:
    golden = np.random.default_rng(0).uniform(50, 250, (1, 3, 3))
    moved = golden + np.array([6.0, 0, 0])
    strict, loose = (parse_table({**OWN, "sigmas": [sigma] * 3}, "x") for sigma in (0.02, 0.2))
    values = [metrics.oks_vs_golden(moved, golden, 300, 300, skeleton) for skeleton in (strict, loose)]
    assert values[0] < values[1] < 1
