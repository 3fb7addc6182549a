"""Labels of any keypoint set: built-in ones by name, a category's own, and the one that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13, built_in, usual
from pytest_stm32pose.pictures.annotations.names import plain_names, set_of_names
from pytest_stm32pose.pictures.files import load_pictures
from tests.support.annotation_files import NAMES, category, document, first_truth, load, person, write

AP10K = ["L_Eye", "R_Eye", "Nose", "Neck", "Root of tail", "L_Shoulder", "L_Elbow", "left front paw", "R_Shoulder",
         "R_Elbow", "right front paw", "L_Hip", "L_Knee", "left back paw", "R_Hip", "R_Knee",
         "right back paw"]  # fmt: skip
PALLET = ["front_left", "front_right", "back_left", "back_right"]


def points(count: int) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(65, 95, 12), np.linspace(25, 215, 12))
    return np.column_stack([x.ravel()[:count], y.ravel()[:count], np.full(count, 2)])


def refusal(folder: Path, document: Any) -> str:
    with pytest.raises(ImageError) as caught:
        load(folder, document)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def content(names: list[Any], **more: Any) -> dict[str, Any]:
    return document([person(points=points(len(names)))], categories=[{**category(names), **more}])


@pytest.mark.parametrize("name", ["mpii16", "hand21", "halpe26", "blazepose33", "wholebody133", "ap10k17"])
def test_built_in_sets_by_their_names_in_any_order(name: str) -> None:
    known = built_in(name)
    order = np.random.default_rng(1).permutation(len(known.names))
    found = set_of_names([known.names[index].replace("left_", "L-") for index in order])
    assert found is not None
    assert (found[0], [int(order[row]) for row in found[1]]) == (known, list(range(len(order))))


def test_numbers_tell_names_apart_that_are_else_the_same() -> None:
    assert plain_names(["face-0", "face-1"]) == ("face_0", "face_1")
    assert plain_names(["1: nose", "2: left eye"]) == ("nose", "left_eye")


def test_names_decide_that_seventeen_points_are_an_animals(tmp_path: Path) -> None:
    pictures = load(tmp_path, content(AP10K))
    assert pictures.label_skeleton == built_in("ap10k17")
    np.testing.assert_array_equal(first_truth(pictures).keypoints_px[0], points(17))
    assert pictures.notes == ()


def test_a_categorys_own_set_with_its_limbs_and_sigmas(tmp_path: Path) -> None:
    limbs = [[1, 2], [3, 4], [1, 9], "x"]
    pictures = load(tmp_path, content(PALLET, name="pallet", skeleton=limbs, sigmas=[0.05, 0.05, 0.06, 0.06]))
    found = pictures.label_skeleton
    assert found is not None
    assert (found.name, found.limbs, found.sigmas) == ("pallet 4", ((0, 1), (2, 3)), (0.05, 0.05, 0.06, 0.06))
    assert (found.sigmas_from, found.mirror) == ("the labels", (1, 0, 3, 2))
    assert "2 of its limbs name keypoints that it does not have" in pictures.notes[0]


def test_limbs_that_are_counted_from_zero(tmp_path: Path) -> None:
    found = load(tmp_path, content(PALLET, skeleton=[[0, 1], [2, 3]])).label_skeleton
    assert found is not None and found.limbs == ((0, 1), (2, 3))
    assert (found.sigmas_from, found.sigmas) == ("1/K", (0.25,) * 4)


def test_cocos_names_with_other_sigmas(tmp_path: Path) -> None:
    sigmas = [0.01 * (index + 1) for index in range(17)]
    found = load(tmp_path, content(NAMES[::-1], kpt_oks_sigmas=sigmas)).label_skeleton
    assert found is not None
    assert (found.names, found.sigmas, found.sigmas_from) == (COCO_17.names, tuple(sigmas[::-1]), "the labels")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sigmas": [0.1]}, "`sigmas` has 1 values, and there are 4 keypoints"),
        ({"sigmas": [0.1, -1, 0.1, 0.1]}, "`sigmas[1]` is -1"),
        ({"kpt_oks_sigmas": "COCO"}, "`sigmas` is 'COCO'"),
    ],
)
def test_sigmas_that_are_none_are_refused(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    assert said in refusal(tmp_path, content(PALLET, **more))


def test_categories_of_one_set_are_used_together_and_of_several_refused(tmp_path: Path) -> None:
    both = document(
        [person(points=points(17)), person(points=points(17)[::-1], category_id=2, bbox=[40, 20, 80, 200])],
        categories=[category(AP10K, 1, "dog"), category(AP10K[::-1], 2, "cat")],
    )
    (tmp_path / "a").mkdir()
    pictures = load(tmp_path / "a", both)
    np.testing.assert_array_equal(first_truth(pictures).keypoints_px, [points(17), points(17)])
    (tmp_path / "b").mkdir()
    mixed = document(
        [person(points=points(4))], categories=[category(PALLET, 1, "pallet"), category(["tip", "end"], 2, "fork")]
    )
    assert "categories with different keypoints (pallet 4, fork 2)" in refusal(tmp_path / "b", mixed)


def test_a_number_that_names_a_set_is_taken_in_its_order_with_a_note(tmp_path: Path) -> None:
    pictures = load(tmp_path, document([person(points=points(26))], categories=[category([])]))
    assert pictures.label_skeleton == built_in("halpe26")
    assert "26 are taken in the order of Halpe 26" in pictures.notes[0]


def test_the_set_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, content([*NAMES, "neck"]))
    every = load_pictures(path, wanted="labels")
    assert (every.label_keypoints, load_pictures(path).label_keypoints) == (18, 17)
    thirteen = load_pictures(path, wanted=ST_13)
    assert thirteen.label_skeleton == COCO_17  # whose face points make the head
    assert load_pictures(path, wanted=COCO_17).label_skeleton == COCO_17
    with pytest.raises(
        ImageError, match=r"does not label the keypoints of --pose-skeleton \(MPII 16\): pelvis is miss"
    ):
        load_pictures(path, wanted=built_in("mpii16"))


def test_a_set_of_seventeen_that_nobody_knows_is_taken_when_it_is_asked_for(tmp_path: Path) -> None:
    names = [f"joint {chr(97 + index)}" for index in range(17)]
    path = write(tmp_path, content(names))
    with pytest.raises(ImageError, match="names 17 keypoints"):
        load_pictures(path)
    found = load_pictures(path, wanted="labels").label_skeleton
    assert found is not None and found.names[0] == "joint a"


def test_keypoints_without_names_are_those_that_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, document([person(points=points(5))], categories=[category([])]))
    with pytest.raises(ImageError, match=r"names no keypoints, .* have 5 keypoints; as many as a known set has are"):
        load_pictures(path)
    with pytest.raises(ImageError, match="have 5 keypoints; those of MPII 16 are wanted"):
        load_pictures(path, wanted=built_in("mpii16"))
    pictures = load_pictures(path, wanted=usual(5))
    assert pictures.label_keypoints == 5
    assert "5 are taken in the order of 5 keypoints" in pictures.notes[0]
