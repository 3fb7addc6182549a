"""Annotation files as people have them: ids, visibilities, categories, keypoint names; read, noted or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13
from pytest_stm32pose.pictures.annotations.names import normalised, rows_of
from pytest_stm32pose.pictures.files import load_pictures
from tests.support.annotation_files import (
    NAMES,
    category,
    document,
    figure,
    first_truth,
    image,
    load,
    person,
    save_picture,
    st_names,
    write,
)

#: Another person, one pixel aside.
MOVED = figure() + np.array([1, 0, 0])
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
H36M = ["pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "spine", "thorax", "neck", "head",
        "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist"]  # fmt: skip
CROWDPOSE = [f"{side}_{limb}" for limb in LIMBS for side in ("left", "right")] + ["head", "neck"]
AP10K = ["l_eye", "r_eye", "nose", "neck", "root_of_tail", "l_shoulder", "l_elbow", "l_front_paw", "r_shoulder",
         "r_elbow", "r_front_paw", "l_hip", "l_knee", "l_back_paw", "r_hip", "r_knee", "r_back_paw"]  # fmt: skip


def refusal(folder: Path, content: Any, pictures: Any = None) -> str:
    with pytest.raises(ImageError) as caught:
        load(folder, content, pictures)
    assert str(folder) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "spelling",
    ["left_eye", "Left Eye", "LEFT-EYE", "leftEye", "LeftEye", "LEye", "l_eye", "eye_left", "eye.L", "lefteye", "leye",
     "Eye (left)", "3: left eye", "Lt Eye"],
)  # fmt: skip
def test_spellings_of_a_name(spelling: str) -> None:
    assert normalised(spelling) == "left_eye"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nose", "nose"), ("Neck", "neck"), ("head_top", "head_top"), ("rib", "rib"), ("leg", "leg"), ("lear", "left_ear"),
     ("RAnkle", "right_ankle"), ("rankle", "right_ankle"), ("left_right", "left_right")],
)  # fmt: skip
def test_other_names_stay_themselves(name: str, expected: str) -> None:
    assert normalised(name) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (NAMES, tuple(range(17))),
        (list(ST_13.names), tuple(range(13))),
        (NAMES[::-1], tuple(range(16, -1, -1))),
        ([*NAMES, "neck"], tuple(range(17))),
        (["neck", *NAMES], tuple(range(1, 18))),
        (H36M, None),
        (CROWDPOSE, None),
        (AP10K, None),
        (NAMES[:16], None),
        ([*NAMES[:16], NAMES[0]], None),
        ([*NAMES, "Left Eye"], None),
        (["nose", *ST_13.names[1:]], None),
        ([1, 2, 3], None),
        ([{"name": "nose"}] * 17, None),
        ([], None),
    ],
)
def test_sets_of_names(names: list[Any], expected: tuple[int, ...] | None) -> None:
    assert rows_of(names) == expected


@pytest.mark.parametrize("seed", range(5))
def test_keypoints_in_another_order_are_put_right_by_name(tmp_path: Path, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(17)
    spelt = [NAMES[index].replace("left_", "L ").replace("right_", "R ") for index in order]
    pictures = load(tmp_path, document([person(points=figure()[order])], categories=[category(spelt)]))
    np.testing.assert_array_equal(first_truth(pictures).keypoints_px[0], figure())
    (note,) = pictures.notes
    assert "another order than COCO's" in note


def test_thirteen_in_another_order(tmp_path: Path) -> None:
    points = figure(keypoints=13)
    content = document([person(points=points[::-1])], categories=[category(st_names()[::-1])])
    pictures = load(tmp_path, content)
    np.testing.assert_array_equal(first_truth(pictures).keypoints_px[0], points)
    assert "another order than ST's" in pictures.notes[0]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (H36M, "17 keypoints (pelvis, r_hip, r_knee, r_ankle, l_hip, l_knee, ...)"),
        ([*NAMES[:16], "nose"], "right_ankle is missing"),
        (["nose", *st_names()[1:]], "head is missing"),
    ],
)
def test_other_sets_are_refused_by_their_names(tmp_path: Path, names: list[str], said: str) -> None:
    points = np.tile(figure()[:1], (len(names), 1))
    assert said in refusal(tmp_path, document([person(points=points)], categories=[category(names)]))


@pytest.mark.parametrize("names", [[], [str(n) for n in range(17)], [f"kpt_{n}" for n in range(17)], list(range(17))])
def test_keypoints_without_names_are_taken_in_order_and_noted(tmp_path: Path, names: list[Any]) -> None:
    pictures = load(tmp_path, document(categories=[category(names)]))
    np.testing.assert_array_equal(first_truth(pictures).keypoints_px[0], figure())
    assert "keypoints have no names: 17 are taken in the order of COCO's" in pictures.notes[0]


@pytest.mark.parametrize("missing", [[], None])
def test_no_categories_at_all(tmp_path: Path, missing: Any) -> None:
    content = {**document([person(points=figure(keypoints=13))]), "categories": missing}
    assert first_truth(pictures := load(tmp_path, content)).keypoints_px.shape == (1, 13, 3)
    assert "13 are taken in the order of ST's" in pictures.notes[0]


def test_a_count_without_names_that_no_set_has(tmp_path: Path) -> None:
    said = refusal(tmp_path, document([person(points=np.ones((136, 3)))], categories=[category([])]))
    assert "names no keypoints, and its annotations have 136 keypoints" in said


def test_the_category_whose_keypoints_fit_is_used(tmp_path: Path) -> None:
    hand = person(points=np.ones((21, 3)), category_id=7)
    box = person(category_id="2", keypoints=None)
    categories = [category([], 2, "box"), category([f"finger_{n}" for n in range(21)], 7), category(None, 3)]
    pictures = load(tmp_path, document([hand, box, person(category_id=3.0)], categories=categories))
    truth = first_truth(pictures)
    assert len(truth.crowd) == 1
    np.testing.assert_array_equal(truth.keypoints_px[0], figure())
    chosen, left_out = pictures.notes
    assert "several of its categories have keypoints (person (id 7): 21, person (id 3): 17); person (id 3) is" in chosen
    assert "annotations of other categories, not used: 2 (first: a.png)" in left_out


def test_seventeen_before_thirteen_and_two_categories_of_one_set(tmp_path: Path) -> None:
    categories = [category(st_names(), 1), category(None, 2), category(NAMES[::-1], 3)]
    persons = [
        person(points=figure(keypoints=13), category_id=1),
        person(category_id=2),
        person(points=MOVED[::-1], category_id=3),
    ]
    truth = first_truth(load(tmp_path, document(persons, categories=categories)))
    np.testing.assert_array_equal(truth.keypoints_px, [figure(), MOVED])


def test_categories_that_the_file_does_not_list(tmp_path: Path) -> None:
    pictures = load(tmp_path, document([person(category_id=9)]))
    assert len(first_truth(pictures).crowd) == 1
    assert "does not list" in pictures.notes[0]
    two = [category(), category([], 2)]
    assert "none of the categories" in refusal(tmp_path, document([person(category_id=9)], categories=two))
    assert "id 1 of another category" in refusal(tmp_path, document(categories=[category(), category()]))


def test_one_annotation_without_keypoints_is_an_unlabelled_person(tmp_path: Path) -> None:
    missing: list[float] | None
    for missing in (None, []):
        pictures = load(tmp_path, document([person(), person(keypoints=missing, bbox=[1, 1, 9, 9])]))
        truth = first_truth(pictures)
        assert truth.keypoints_px[:, :, 2].any(axis=1).tolist() == [True, False]
        assert "a box but no keypoints, who count as persons without labelled keypoints: 1" in pictures.notes[0]


@pytest.mark.parametrize(
    ("changes", "persons"),
    [
        ({"bbox": [10, 20, 0, 0]}, 1),
        ({"bbox": [10, 20, 30, 0]}, 1),
        ({"bbox": None}, 1),
        ({"bbox": []}, 1),
        ({"area": 0}, 1),
        ({"bbox": None, "area": None}, 1),
        ({"bbox": [0, 0, 0, 0], "iscrowd": 1}, 0),
        ({"bbox": [0, 0, 0, 0], "keypoints": [0] * 51}, 0),
    ],
)
def test_persons_without_area_are_noted(tmp_path: Path, changes: dict[str, Any], persons: int) -> None:
    pictures = load(tmp_path, document([person(), person(**{"keypoints": MOVED.ravel().tolist(), **changes})]))
    found = [note for note in pictures.notes if "without an area" in note]
    assert [f"counted out: {persons} (first: a.png)" in note for note in found] == [True] * bool(persons)


def test_area_is_the_boxs_where_there_is_none(tmp_path: Path) -> None:
    pictures = load(tmp_path, document([person(area=None, bbox=[60, 20, 40, 200])]))
    assert first_truth(pictures).areas_px.tolist() == [8000]
    assert pictures.notes == ()


@pytest.mark.parametrize(
    ("point", "row"),
    [
        ([None, None, 0], [0, 0, 0]),
        ([None, None, None], [0, 0, 0]),
        ([float("nan"), float("inf"), 0], [0, 0, 0]),
        ([-1, -1, 0], [-1, -1, 0]),
        ([80, 36, 1.0], [80, 36, 1]),
    ],
)
def test_points_that_are_not_labelled_need_no_coordinates(tmp_path: Path, point: list[Any], row: list[float]) -> None:
    pictures = load(tmp_path, document([person(keypoints=[*point, *figure()[1:].ravel().tolist()])]))
    np.testing.assert_array_equal(first_truth(pictures).keypoints_px[0], [row, *figure()[1:].tolist()])


@pytest.mark.parametrize("seen", [0.93, 3, -1, True, False, None, "2", float("nan"), [2], 10**400])
def test_visibilities_that_coco_does_not_have(tmp_path: Path, seen: Any) -> None:
    values = [80, 36, seen, *figure()[1:].ravel().tolist()]
    said = refusal(tmp_path, document([person(keypoints=values)]))
    assert "annotation 1 of a.png has a visibility other than 0 (not labelled), 1 (hidden) and 2 (visible)" in said


@pytest.mark.parametrize("value", [None, True, "80", float("inf"), 10**400, -(10**13), [80]])
def test_coordinates_that_are_no_numbers(tmp_path: Path, value: Any) -> None:
    said = refusal(tmp_path, document([person(keypoints=[value, 36, 2, *figure()[1:].ravel().tolist()])]))
    assert "in `keypoints`, which is not a usable number" in said
    assert "in `bbox`" in refusal(tmp_path, document([person(bbox=[value, 1, 2, 3])]))


@pytest.mark.parametrize("flag", ["0", "false", 2, -1, [0], 0.5])
def test_crowds_that_are_no_flag(tmp_path: Path, flag: Any) -> None:
    assert "in `iscrowd`, which is neither 0 nor 1" in refusal(tmp_path, document([person(iscrowd=flag)]))


def test_crowds(tmp_path: Path) -> None:
    rle = {"size": [240, 160], "counts": [10, 5, 38385]}
    persons = [person(), person(iscrowd=1, segmentation=rle, keypoints=[0] * 51), person(iscrowd=True, keypoints=None)]
    pictures = load(tmp_path, document(persons))
    assert first_truth(pictures).crowd.tolist() == [False, True, True]
    assert pictures.notes == ()


@pytest.mark.parametrize(
    ("image_id", "owner"),
    [
        ("a1", "a1"),
        ("1", "1"),
        (1, "1"),
        ("1", 1),
        (1.0, 1),
        (1, 1.0),
        (2**63 + 1, 2**63 + 1),
        (" 7 ", 7),
        (0, 0),
        (-5, "-5"),
    ],
)
def test_ids_of_any_type(tmp_path: Path, image_id: Any, owner: Any) -> None:
    other = image(2**63 + 2, "b.png")
    pictures = {"a.png": (160, 240, 1), "b.png": (160, 240, 1)}
    loaded = load(tmp_path, document([person(owner)], [image(image_id), other]), pictures)
    assert loaded.ids == ("a",)
    assert len(first_truth(loaded).crowd) == 1


@pytest.mark.parametrize("identifier", [None, True, 1.5, "", [1], {}, float("nan"), 2.0**60])
def test_ids_that_are_none(tmp_path: Path, identifier: Any) -> None:
    assert "no usable `id`" in refusal(tmp_path, document(images=[image(identifier)]))
    assert "no usable `image_id`" in refusal(tmp_path, document([person() | {"image_id": identifier}]))


def test_one_id_of_two_images(tmp_path: Path) -> None:
    assert "id 1 of another image" in refusal(tmp_path, document(images=[image(1), image("1", "b.png")]))


def test_the_same_person_twice_counts_once(tmp_path: Path) -> None:
    pictures = load(tmp_path, document([person(id=5), person(id=5), person(id=6)]))
    assert len(first_truth(pictures).crowd) == 1
    assert "labelled twice in the same way, counted once: 2" in pictures.notes[0]
    moved = load(tmp_path, document([person(id=5), person(id=5, points=MOVED)]))
    assert len(first_truth(moved).crowd) == 2
    assert "annotations with the id of another one, all used: 1" in moved.notes[0]


def test_a_picture_that_is_listed_twice_is_one_picture(tmp_path: Path) -> None:
    images = [image(1), image(2, "./a.png")]
    pictures = load(tmp_path, document([person(1), person(2), person(2, MOVED)], images))
    assert (pictures.ids, len(first_truth(pictures).crowd)) == (("a",), 2)
    assert any("listed more than once" in note for note in pictures.notes)
    assert "again, with another size" in refusal(tmp_path, document(images=[image(1), image(2, size=(80, 120))]))


@pytest.mark.parametrize(
    ("listed", "stored"),
    [("d1\\a.png", "d1/a.png"), ("a.png", "a.PNG"), ("A.PNG", "a.png"), ("u\u0308.png", "\u00fc.png")],
)
def test_names_that_are_spelt_otherwise(tmp_path: Path, listed: str, stored: str) -> None:
    save_picture(tmp_path / stored, 160, 240)
    pictures = load(tmp_path, document(images=[image(name=listed)]), {})
    assert pictures[0].path == str(tmp_path / stored)
    assert "spelt otherwise" in pictures.notes[0]


def test_two_names_of_one_file(tmp_path: Path) -> None:
    images = [image(1, "d\\a.png"), image(2, "d/a.png")]
    assert "under several names" in refusal(
        tmp_path, document([person(1), person(2)], images), {"d/a.png": (160, 240, 1)}
    )


@pytest.mark.parametrize(
    "name", ["..\\a.png", "d\\..\\..\\a.png", "C:\\a.png", "/a.png", "a\0.png", "\ud800.png", "a\n.png", ""]
)
def test_names_that_cannot_be_files_beside(tmp_path: Path, name: str) -> None:
    said = refusal(tmp_path, document(images=[image(name=name)]))
    assert "outside" in said or "no `file_name`" in said


def test_a_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path, document())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_pictures(path).notes == ()


def test_other_formats_are_named(tmp_path: Path) -> None:
    detections = [{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 2] * 17, "score": 0.5}]
    assert "a list of detections (COCO's results format)" in refusal(tmp_path, detections)
    labelme = {"version": "5.2", "shapes": [{"label": "nose", "points": [[80, 36]]}], "imagePath": "a.png"}
    assert "labelme's format" in refusal(tmp_path, labelme)


def test_visibility_0_throughout_is_said(tmp_path: Path) -> None:
    hidden = person(points=figure() * [1, 1, 0])
    assert "all keypoints have visibility 0, which means not labelled" in refusal(tmp_path, document([hidden]))
    both = document([hidden, person(2)], [image(), image(2, "b.png")])
    pictures = load(tmp_path, both, {"a.png": (160, 240, 1), "b.png": (160, 240, 1)})
    assert pictures.ids == ("b",)
    assert "left out: no labelled person (in 1 of them all keypoints have visibility 0)." in pictures.notes[0]


def test_notes_are_of_the_pictures_under_test(tmp_path: Path) -> None:
    images = [image(1), image(2, "b.png")]
    persons = [person(1), person(2), person(2, keypoints=None)]
    path = write(tmp_path, document(persons, images), {"a.png": (160, 240, 1), "b.png": (160, 240, 1)})
    assert load_pictures(path, max_images=1).notes == ()
    (note,) = load_pictures(path).notes
    assert note == (
        f"{path}: persons with a box but no keypoints, who count as persons without labelled keypoints: "
        "1 (first: b.png)."
    )
    assert load_pictures(path)[:1].notes == (note,)


@pytest.mark.parametrize(
    ("others", "named"),
    [
        (["_annotations.coco.json"], "_annotations.coco.json were not read"),
        (["a.txt", "readme.txt"], "labels; a.txt were not read"),
        (["a.xml", "a.json"], "a.json, a.xml were not read"),
        (["../labels/a.txt"], "a.txt were not read"),
        (["../annotations/person_keypoints_val2017.json"], "person_keypoints_val2017.json were not read"),
        ([f"a{n}.json" for n in range(5)], "a0.json, a1.json, a2.json and 2 more were not read"),
        (["readme.txt", "b.txt"], ""),
    ],
)
def test_labels_that_a_folder_leaves_unread_are_named(tmp_path: Path, others: list[str], named: str) -> None:
    folder = tmp_path / "images"
    save_picture(folder / "a.png", 160, 240)
    for name in others:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    notes = load_pictures(folder).notes
    assert len(notes) == bool(named)
    assert all(named in note and "used without labels" in note for note in notes)


def test_a_folder_of_folders_names_the_annotations_in_it(tmp_path: Path) -> None:
    save_picture(tmp_path / "val2017" / "a.png", 160, 240)
    (tmp_path / "annotations").mkdir()
    path = tmp_path / "annotations" / "labels_of_val2017.json"
    path.write_text("{}")
    with pytest.raises(ImageError, match=r"found by name, but .*labels_of_val2017\.json"):
        load_pictures(tmp_path)


def test_coco_has_the_names_of_the_skeleton() -> None:
    assert rows_of([name.upper().replace("_", " ") for name in COCO_17.names]) == tuple(range(17))
