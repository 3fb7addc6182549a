"""YOLO's text labels and data.yaml: what a row is, what a key means, and one sentence for each way to be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.skeleton import built_in
from pytest_stm32pose.pictures.annotations.labelled import Choice
from pytest_stm32pose.pictures.files import PictureSequence, load_pictures
from tests.support.annotation_files import BOX, HEIGHT, NAMES, WIDTH, figure, first_truth, save_picture
from tests.support.data_sets import label, picture, row, yolo

PIXELS = np.array([WIDTH, HEIGHT, 1])


def load(folder: Path, *rows: str, **options: Any) -> PictureSequence:
    picture(folder / "images" / "a.png")
    label(folder / "labels" / "a.txt", *rows)
    return load_pictures(folder / "images", **options)


def refusal(folder: Path, *rows: str, **options: Any) -> str:
    with pytest.raises(ImageError) as caught:
        load(folder, *rows, **options)
    return str(caught.value)


def data(folder: Path, **changes: Any) -> Path:
    """A data.yaml of the pictures in images/."""
    import yaml

    keys = {"path": ".", "val": "images", "kpt_shape": [17, 3], "names": {0: "person"}, **changes}
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in keys.items() if value is not None}))
    return path


def test_a_row(tmp_path: Path) -> None:
    pictures = load(tmp_path)
    truth = first_truth(pictures)
    np.testing.assert_allclose(truth.keypoints_px, [figure()])
    box = BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    np.testing.assert_allclose(truth.boxes_px, [box])
    np.testing.assert_allclose(truth.areas_px, [box[2] * box[3]])
    assert truth.crowd.tolist() == [False]
    assert pictures.notes == (
        f"{tmp_path / 'images'}: its keypoints have no names: 17 are taken in the order of COCO's.",
    )


def test_what_a_text_file_may_hold(tmp_path: Path) -> None:
    text = row().replace(" ", "  ").replace("0 ", "0.0 ", 1)
    label(tmp_path / "labels" / "a.txt")
    (tmp_path / "labels" / "a.txt").write_bytes(b"\xef\xbb\xbf" + f"{text} \r\n\r\n{row()}\t\n".encode())
    picture(tmp_path / "images" / "a.png")
    pictures = load_pictures(tmp_path)
    np.testing.assert_allclose(first_truth(pictures).keypoints_px, [figure()])
    assert "labelled twice in the same way, counted once: 1" in pictures.notes[1]


def test_pictures_without_a_person_are_left_out(tmp_path: Path) -> None:
    yolo(tmp_path, "a", "empty", "missing", "hidden")
    (tmp_path / "labels" / "empty.txt").write_text("\n")
    (tmp_path / "labels" / "missing.txt").unlink()
    label(tmp_path / "labels" / "hidden.txt", row(figure(1, 1) * [1, 1, 0]))
    pictures = load_pictures(tmp_path)
    assert pictures.ids == ("a",)
    assert "3 of 4 pictures" in pictures.notes[1]
    assert "(in 1 of them all keypoints have visibility 0)" in pictures.notes[1]


def test_visibilities(tmp_path: Path) -> None:
    points = figure(1, 1)
    points[:3] = [[0, 0, 0], [0.4, 0.1, 1], [0.4, 0.1, 0]]
    seen = first_truth(load(tmp_path, row(points))).keypoints_px[0, :4, 2]
    assert seen.tolist() == [0, 1, 0, 2]
    points[3, 2] = 0.93
    assert "line 1, has a visibility other than 0 (not labelled), 1 (hidden) and 2 (visible): 0.93" in refusal(
        tmp_path, row(points)
    )
    points[3, 2] = 3
    assert "line 2, has a visibility other than 0" in refusal(tmp_path, row(), row(points))


def test_two_numbers_a_keypoint(tmp_path: Path) -> None:
    """Ultralytics takes 0, 0 as visible there; here it is not labelled, and that is said."""
    points = figure(1, 1)[:, :2].copy()
    points[4] = [-0.005, 0.2]
    truth = first_truth(load(tmp_path, row(points), choice=Choice(keypoints=lambda: 17)))
    assert truth.keypoints_px[0, :, 2].tolist() == [2.0] * 4 + [0.0] + [2.0] * 12
    points[5] = 0
    pictures = load(tmp_path, row(points), choice=Choice(keypoints=lambda: 17))
    assert first_truth(pictures).keypoints_px[0, :, 2].tolist() == [2.0] * 4 + [0.0] * 2 + [2.0] * 11
    assert "at 0, 0 in labels without visibilities, taken as not labelled (ultralytics takes" in pictures.notes[1]


@pytest.mark.parametrize(
    ("values", "network", "keypoints"),
    [
        ([0.5, 0.3, 2] * 12, None, 12),
        ([0.5, 0.3, 2] * 12, 18, 18),
        ([0.5, 0.3, 2] * 12, 12, 12),
        ([0.5, 0.31, 0.22] * 12, 18, 18),
        ([0.5, 0.3, 0] * 11 + [0.4, 0.4, 2], None, 12),
        ([0.5, 0.4, 0.3, 0.6], 2, 2),
        ([0.5, 0.4, 2], None, 1),
    ],
)
def test_how_many_keypoints(tmp_path: Path, values: list[float], network: int | None, keypoints: int) -> None:
    text = " ".join(map(str, [0, 0.5, 0.5, 0.3, 0.3, *values]))
    pictures = load(tmp_path, text, choice=Choice(keypoints=lambda: network))
    assert first_truth(pictures).keypoints_px.shape[1] == keypoints
    assert f"{keypoints} are taken in the order of" in pictures.notes[0]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["0 0.5 0.5 0.2 0.2 x 1 2"], "a.txt, line 1, has 'x', which is not a usable number"),
        ([row(), "0 0.5 nan 0.2 0.2 1 1 2"], "line 2, has 'nan'"),
        ([row(), "0 0.5 1e300 0.2 0.2 1 1 2"], "line 2, has '1e300'"),
        ([row(), "0 1_0 0.3 0.2 0.2 1 1 2"], "line 2, has '1_0'"),
        ([row(), "0.5 0.5 0.5 0.2 0.2 1 1 2"], "line 2, has the class 0.5"),
        ([row(), "-1 0.5 0.5 0.2 0.2 1 1 2"], "line 2, has the class -1"),
        ([row(), "0 0.5 0.5"], "line 2, has 3 values, too few for a label"),
        ([row(), "0 0.5 0.5 -0.2 0.2 1 1 2"], "line 2, has a box of negative width or height"),
        ([row(), "0 0.5 0.5 0.2 0.2 1 1 2"], "line 1, has 56 values, and "),
        (["0 0.1 0.1 0.2 0.2 0.3 0.3 0.1 0.5"], "has 9 values: an oriented box"),
        (["0 0.1 0.1 0.2 0.2 0.9"], "has 6 values: no keypoints with visibilities"),
        ([row() + " 0.93"], "has 57 values: no keypoints with visibilities"),
        (["0 0.5 0.5 0.3 0.3" + " 0.5 0.31 0.22" * 12], "has 41 values: no keypoints with visibilities"),
        ([row(figure(1, 1) * [1, 1, 0])], "all keypoints have visibility 0"),
    ],
)
def test_rows_that_are_wrong(tmp_path: Path, rows: list[str], said: str) -> None:
    assert said in refusal(tmp_path, *rows)


def test_a_label_file_that_cannot_be_read(tmp_path: Path) -> None:
    yolo(tmp_path, "a", "b", "c")
    (tmp_path / "labels" / "b.txt").write_bytes(b"0 0.5 \xff\xfe")
    with pytest.raises(ImageError, match=r"b\.txt is no text file"):
        load_pictures(tmp_path)
    (tmp_path / "labels" / "b.txt").write_text("0 0.5 0.5 0.2 0.2\n" * 300_000)
    with pytest.raises(ImageError, match=r"b\.txt has \d+ bytes; label files are read up to"):
        load_pictures(tmp_path)


def test_units_are_decided_by_the_data(tmp_path: Path) -> None:
    """Boxes in fractions and keypoints in pixels, as exporters have mixed them up; and the other way round."""
    pictures = load(tmp_path, row(figure()))
    np.testing.assert_allclose(first_truth(pictures).keypoints_px, [figure()])
    assert "whose keypoints are pixels, where the format has fractions of the picture (0..1): 1" in pictures.notes[1]
    box = BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    pictures = load(tmp_path, row(box=box))
    np.testing.assert_allclose(first_truth(pictures).boxes_px, [box])
    assert "whose boxes are pixels, where the format has" in pictures.notes[1]
    percent = load(tmp_path, row(figure(100, 100)))
    np.testing.assert_allclose(first_truth(percent).keypoints_px, [figure()])
    assert any("whose keypoints are percent of the picture" in note for note in percent.notes)


@pytest.mark.parametrize("form", ["two corners", "begins with a corner"])
def test_boxes_of_another_form(tmp_path: Path, form: str) -> None:
    x, y, width, height = BOX
    raw = [x, y, x + width, y + height] if form == "two corners" else [x, y, width, height]
    text = " ".join(map(str, [0, *raw, *figure(1, 1).ravel()]))
    pictures = load(tmp_path, text)
    np.testing.assert_allclose(first_truth(pictures).boxes_px, [BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT]])
    assert form in pictures.notes[1]


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_picture_is_taken_as_labelled_upright(tmp_path: Path, orientation: int) -> None:
    save_picture(tmp_path / "images" / "a.jpg", WIDTH, HEIGHT, orientation)
    label(tmp_path / "labels" / "a.txt")
    pictures = load_pictures(tmp_path)
    upright = (WIDTH, HEIGHT) if orientation == 3 else (HEIGHT, WIDTH)
    np.testing.assert_allclose(first_truth(pictures).keypoints_px, [figure(*upright)])
    assert "taken as made after" in pictures.notes[1]


# --- data.yaml ---


def test_what_a_data_yaml_declares(tmp_path: Path) -> None:
    yolo(tmp_path, "a")
    order = np.random.default_rng(3).permutation(17)
    label(tmp_path / "labels" / "a.txt", row(figure(1, 1)[order]))
    sigmas = [0.05 + 0.001 * n for n in range(17)]
    path = data(tmp_path, kpt_names={0: [NAMES[n] for n in order]}, kpt_oks_sigmas=sigmas)
    pictures = load_pictures(path)
    np.testing.assert_allclose(first_truth(pictures).keypoints_px, [figure()])
    assert "another order than COCO's" in pictures.notes[0]
    skeleton = pictures.label_skeleton
    assert skeleton is not None
    assert skeleton.sigmas == tuple(sigmas[list(order).index(n)] for n in range(17))
    # Its folder of pictures finds it too.
    assert load_pictures(tmp_path / "images").label_skeleton == skeleton


def test_keypoints_of_ones_own(tmp_path: Path) -> None:
    tiger = " ".join(map(str, [0, 0.5, 0.5, 0.3, 0.3, *[0.5, 0.3] * 12]))
    yolo(tmp_path, "a")
    label(tmp_path / "labels" / "a.txt", tiger)
    mirror = [1, 0, *range(2, 12)]
    pictures = load_pictures(data(tmp_path, kpt_shape=[12, 2], flip_idx=mirror, names=["tiger"]))
    assert first_truth(pictures).keypoints_px.shape == (1, 12, 3)
    skeleton = pictures.label_skeleton
    assert skeleton is not None
    assert skeleton.mirror == tuple(mirror)
    assert skeleton.sigmas == (1 / 12,) * 12


def test_a_set_of_seventeen_that_is_not_cocos(tmp_path: Path) -> None:
    yolo(tmp_path, "a")
    animal = built_in("ap10k17")
    path = data(tmp_path, flip_idx=list(animal.mirror))
    with pytest.raises(ImageError, match=r"a `flip_idx` of other 17 keypoints than COCO 17.*--pose-skeleton"):
        load_pictures(path)
    assert load_pictures(path, wanted=animal).label_skeleton == animal
    assert load_pictures(data(tmp_path, kpt_names={0: list(animal.names)})).label_skeleton == animal
    coco = built_in("coco17")
    assert load_pictures(data(tmp_path, flip_idx=list(coco.mirror))).label_skeleton == coco


def test_classes(tmp_path: Path) -> None:
    yolo(tmp_path, "a")
    moved = figure(1, 1) - [0.1, 0, 0]
    label(tmp_path / "labels" / "a.txt", row(), row(moved, class_=1))
    path = data(tmp_path, names={0: "Adult", 1: "child"})
    assert len(first_truth(load_pictures(path)).crowd) == 2
    assert "its 2 classes are judged together; --pose-category names one" in load_pictures(path).notes[1]
    for name in ("CHILD", "1"):
        [points] = first_truth(load_pictures(path, choice=Choice(name))).keypoints_px
        np.testing.assert_allclose(points, moved * PIXELS)
    with pytest.raises(ImageError, match=r"has no class dog\. Its classes: Adult, child\."):
        load_pictures(path, choice=Choice("dog"))
    with pytest.raises(ImageError, match=r"has class 1, but .* has 1 classes"):
        load_pictures(data(tmp_path, names=["person"]))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"train": "images/t", "val": "images/v"}, "v"),
        ({"train": "images/t", "val": None, "validation": "images/v"}, "v"),
        ({"train": "images/t", "val": None, "test": "images/v"}, "v"),
        ({"train": "images/t", "val": ["images/v", "images/t"]}, "t v"),
        ({"train": "images/t", "val": "list.txt"}, "v"),
        ({"val": "images/v/v.png"}, "v"),
        ({"val": "../images/v"}, "v"),
        ({"val": "images/v", "path": None}, "v"),
        ({"val": "images/v", "path": "wherever/it/was"}, "v"),
        ({"val": "images"}, "t v w"),
    ],
)
def test_which_pictures(tmp_path: Path, keys: dict[str, Any], expected: str) -> None:
    yolo(tmp_path, "t/t", "v/v", "w/w")
    (tmp_path / "list.txt").write_text("./images/v/v.png\n\n")
    assert " ".join(load_pictures(data(tmp_path, **keys)).ids) == expected


def test_the_root_is_relative_to_the_working_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yolo(tmp_path / "sets" / "mine", "a")
    (tmp_path / "conf").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_pictures(data(tmp_path / "conf", path="sets/mine")).ids == ("a",)
    yolo(tmp_path / "datasets" / "other", "b")
    assert load_pictures(data(tmp_path / "conf", path="other")).ids == ("b",)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"val": None}, "names no pictures: neither `val` nor `test` nor `train`"),
        ({"val": "gone"}, "names gone, and there is no "),
        ({"val": 5}, "has 5 in `val`, which is no path"),
        ({"val": ["images", 5]}, "in `val`, which is no path"),
        ({"path": 5}, "has 5 in `path`, which is no path"),
        ({"val": "empty"}, "val (empty) holds no pictures"),
        ({"val": "list.txt"}, "lists "),
        ({"kpt_shape": [17]}, "in `kpt_shape`, which is not [keypoints, 2 or 3]"),
        ({"kpt_shape": [17, 4]}, "in `kpt_shape`"),
        ({"kpt_shape": [0, 3]}, "in `kpt_shape`"),
        ({"kpt_shape": [10**9, 3]}, "in `kpt_shape`"),
        ({"kpt_shape": "17, 3"}, "in `kpt_shape`"),
        ({"kpt_shape": [13, 3]}, "has 56 values, but kpt_shape [13, 3] of "),
        ({"names": 3}, "no names of classes in `names`"),
        ({"names": {"a": "b"}}, "no names of classes in `names`"),
        ({"kpt_names": {0: ["nose"]}}, "has not 17 names in `kpt_names`"),
        ({"kpt_names": {0: list(range(18))}}, "has not 17 names in `kpt_names`"),
        ({"flip_idx": [0] * 17}, "has not each of its 17 keypoints once in `flip_idx`"),
        ({"flip_idx": "0"}, "in `flip_idx`, which are no numbers"),
        ({"kpt_oks_sigmas": [0.1] * 16}, "has not 17 numbers above 0 in `kpt_oks_sigmas`"),
        ({"kpt_oks_sigmas": [0.0] * 17}, "has not 17 numbers above 0 in `kpt_oks_sigmas`"),
    ],
)
def test_keys_that_are_wrong(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    yolo(tmp_path, "a")
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.txt").write_text("gone.png\n")
    path = data(tmp_path, **keys)
    with pytest.raises(ImageError) as caught:
        load_pictures(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_is_fetched_and_nothing_is_run(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"Fetch the data set first \(`download` is not run\)"):
        load_pictures(data(tmp_path, download="import os; os.mkdir('run')", val="gone"))
    path = tmp_path / "evil.yaml"
    path.write_text("val: !!python/object/apply:os.mkdir ['made']\n")
    with pytest.raises(ImageError, match=r"evil\.yaml is not valid YAML"):
        load_pictures(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "holds no mapping"),
        ("{", "is not valid YAML"),
        ("val: *a", "is not valid YAML"),
        ("[" * 50_000, "is not valid YAML"),
        ("a: &a [x]\nb:\n" + "  - *a\n" * 200, "more than 100 aliases"),
        ("a: &a {x: 1}\nb: {<<: *a}", "merges mappings"),
        ("x: 0o8\nval: " + "9" * 10_000, "val"),
        ("x: 9999-99-99", "is not valid YAML"),
        ("x" * 1_100_000, "too many for a YAML file"),
    ],
)
def test_yaml_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "data.yaml"
    path.write_text(text)
    with pytest.raises(ImageError) as caught:
        load_pictures(path)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_data_set_of_boxes_is_used_without_labels(tmp_path: Path) -> None:
    yolo(tmp_path, "a")
    label(tmp_path / "labels" / "a.txt", "0 0.5 0.5 0.2 0.2")
    pictures = load_pictures(data(tmp_path, kpt_shape=None))
    assert pictures[0].truth is None
    assert "its pictures are used without labels; their label files have boxes only, or nothing" in pictures.notes[0]


def test_a_class_that_no_row_has_is_refused(tmp_path: Path) -> None:
    refused = refusal(tmp_path, row(), row(class_=2), choice=Choice("1"))
    assert refused.endswith("images has no label of class 1. Its labels are of class 0, 2.")
    boxes = refusal(tmp_path, "1 0.5 0.5 0.2 0.2", row(), choice=Choice("1"))
    assert boxes.startswith("--pose-category says something of labels, and ")
