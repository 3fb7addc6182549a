"""Label Studio's JSON export: whose a keypoint is, which picture is meant, and one sentence where nobody can tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13, built_in
from pytest_stm32pose.pictures.annotations.labelled import Choice
from pytest_stm32pose.pictures.files import PictureSequence, load_pictures
from tests.support.annotation_files import BOX, FIGURE, HEIGHT, NAMES, WIDTH, figure, first_truth, st_names
from tests.support.data_sets import picture, rectangle, region, save, task

POINTS = (FIGURE * 100).tolist()
SMALL = np.array([0.05, 0.05, 0.2, 0.3])


def load(folder: Path, *tasks: dict[str, Any], **options: Any) -> PictureSequence:
    picture(folder / "a.png")
    return load_pictures(save(folder / "export.json", list(tasks)), **options)


def refusal(folder: Path, *tasks: dict[str, Any], **options: Any) -> str:
    with pytest.raises(ImageError) as caught:
        load(folder, *tasks, **options)
    return str(caught.value)


def points(**more: Any) -> list[dict[str, Any]]:
    return [region(name, *point, **more) for name, point in zip(NAMES, POINTS, strict=True)]


def check(pictures: PictureSequence, persons: int = 1) -> None:
    truth = first_truth(pictures)
    np.testing.assert_allclose(truth.keypoints_px[0], figure())
    np.testing.assert_allclose(truth.boxes_px[0], BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT])
    assert len(truth.crowd) == persons


def test_keypoints_within_a_box(tmp_path: Path) -> None:
    pictures = load(tmp_path, task())
    check(pictures)
    assert pictures.label_skeleton == COCO_17
    assert len(pictures.notes) == 1


@pytest.mark.parametrize("how", ["parent", "relation", "other relation", "the only box", "inside"])
def test_whose_a_keypoint_is(tmp_path: Path, how: str) -> None:
    parts = points(parentID="box") if how == "parent" else points()
    for number, each in enumerate(parts):
        each["id"] = f"k{number}"
    pairs = [{"type": "relation", "from_id": each["id"], "to_id": "box"} for each in parts]
    if how == "other relation":
        pairs = [{"type": "relation", "from_id": "box", "to_id": each["id"]} for each in parts]
    others = [] if how == "the only box" else [rectangle("other", SMALL)]
    result = [rectangle(), *others, *parts, *(pairs if "relation" in how else [])]
    pictures = load(tmp_path, task(*result))
    check(pictures, persons=1 + len(others))


def test_where_nobody_can_tell(tmp_path: Path) -> None:
    said = refusal(tmp_path, task(rectangle(), rectangle("again"), *points()))
    assert "the keypoint nose in /data/upload/1/0a1b2c3d-a.png lies in 2 boxes; nobody can tell" in said
    outside = refusal(
        tmp_path, task(rectangle("one", SMALL), rectangle("two", SMALL + np.array([0.6, 0, 0, 0])), *points())
    )
    assert "lies in no boxes" in outside
    assert "has nose of one person twice" in refusal(tmp_path, task(rectangle(), *points(), region("nose", 1, 1)))


def test_keypoints_without_a_box_are_one_persons(tmp_path: Path) -> None:
    pictures = load(tmp_path, task(*points()))
    np.testing.assert_allclose(first_truth(pictures).keypoints_px, [figure()])
    assert any("without an area" in note for note in pictures.notes)
    assert "of one person twice" in refusal(tmp_path, task(*points(), *points()))


def test_points_that_are_missing_are_not_labelled(tmp_path: Path) -> None:
    truth = first_truth(load(tmp_path, task(rectangle(), *points()[:4])))
    assert truth.keypoints_px[0, :, 2].tolist() == [2.0] * 4 + [0.0] * 13


def test_sets(tmp_path: Path) -> None:
    body = [region(name, *point) for name, point in zip(st_names(), POINTS[:1] + POINTS[5:], strict=True)]
    assert load(tmp_path, task(rectangle(), *body)).label_skeleton == ST_13
    shoulders = task(rectangle(), *points()[5:7])
    assert load(tmp_path, shoulders).label_skeleton == COCO_17
    assert load(tmp_path, shoulders, choice=Choice(keypoints=lambda: 13)).label_skeleton == ST_13
    mpii = built_in("mpii16")
    given = task(rectangle(), *(region(name, 50, 50 + n) for n, name in enumerate(mpii.names)))
    assert load(tmp_path, given).label_skeleton == mpii
    part = task(rectangle(), region("pelvis", 50, 50), region("nose", 50, 20))
    assert "keypoints (pelvis, nose) that are neither COCO's nor ST's, and does not say" in refusal(tmp_path, part)
    assert load(tmp_path, task(rectangle(), region("pelvis", 50, 50)), wanted=mpii).label_skeleton == mpii


def test_the_short_form(tmp_path: Path) -> None:
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    keypoints = [{**region(name, *point)["value"], **size} for name, point in zip(NAMES, POINTS, strict=True)]
    short = {
        "id": 1,
        "img": "/data/upload/1/0a1b2c3d-a.png",
        "kp": keypoints,
        "box": [{**rectangle()["value"], **size}],
    }
    check(load(tmp_path, short))


def test_which_annotation_counts(tmp_path: Path) -> None:
    wrong = {"result": [rectangle(box=SMALL)], "was_cancelled": False}
    given = task()
    right = given["annotations"][0]
    for listed, notes in (
        ([{**wrong, "was_cancelled": True}, right], 1),
        ([right, wrong], 2),
        ([wrong, {**right, "ground_truth": True}], 2),
    ):
        pictures = load(tmp_path, {**given, "annotations": listed})
        check(pictures)
        assert len(pictures.notes) == notes
        assert any("several annotations, of which the ground truth or else the first" in n for n in pictures.notes) == (
            notes == 2
        )
    del given["annotations"]
    check(load(tmp_path, {**given, "completions": [right]}))


@pytest.mark.parametrize(
    "name",
    [
        "a.png",
        "images/a.png",
        "http://host/data/upload/1/0a1b2c3d-a.png",
        "/data/local-files/?d=sub/a.png",
        "s3://b/a.png",
    ],
)
def test_which_picture_is_meant(tmp_path: Path, name: str) -> None:
    check(load(tmp_path, task(name=name)))


def test_the_name_of_the_upload(tmp_path: Path) -> None:
    check(load(tmp_path, task(name="https://elsewhere/x.png", file_upload="0a1b2c3d-a.png")))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data": {"img": 5}}, "task 1 names no picture"),
        ({"data": {"text": "hello"}}, "task 1 names no picture"),
        ({"annotations": 5}, "task 1 has no list of annotations"),
        ({"annotations": [5]}, "task 1 has no list of annotations"),
        ({"annotations": [{"result": 5}]}, "task 1 has no list in `result`"),
        ({"annotations": [{"result": [5]}]}, "task 1 has no list in `result`"),
        ({"annotations": [{"result": [region("nose", "x", 1)]}]}, "has 'x' in `x`"),
        ({"annotations": [{"result": [region("nose", 1, None)]}]}, "in `y`, which is not a usable number"),
        (
            {"annotations": [{"result": [{**region("nose", 1, 1), "image_rotation": 90}]}]},
            "is turned (`image_rotation` 90)",
        ),
        ({"annotations": [{"result": [rectangle(box=BOX * -1)]}]}, "negative width or height"),
        ({"annotations": [{"result": [{**region("nose", 1, 1), "original_width": -1}]}]}, "in `width`"),
        ({"annotations": []}, "labels no person"),
    ],
)
def test_tasks_that_are_wrong(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    assert said in refusal(tmp_path, {**task(), **changed})


def test_two_tasks_of_one_picture(tmp_path: Path) -> None:
    assert "has several tasks of /data/upload/1/0a1b2c3d-a.png" in refusal(tmp_path, task(), task())


def test_boxes_of_another_label_are_left_out(tmp_path: Path) -> None:
    other = rectangle("dog")
    other["value"]["rectanglelabels"] = ["dog"]
    both = task(rectangle(), other, *points(parentID="box"))
    check(load(tmp_path, both, choice=Choice("Person")))
