"""Layouts of data sets: root, label file and folder of pictures name the same; what was left out is named."""

from __future__ import annotations

import json
import unicodedata
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.keypoints import truth_for
from pytest_stm32pose.metrics.skeleton import built_in
from pytest_stm32pose.pictures.annotations.labelled import Choice
from pytest_stm32pose.pictures.files import load_pictures
from tests.support.annotation_files import (
    BOX,
    HEIGHT,
    NAMES,
    WIDTH,
    category,
    document,
    figure,
    first_truth,
    image,
    load,
    person,
)
from tests.support.data_sets import coco, label, picture, row, save, task, yolo


def check(path: Path, *ids: str, notes: tuple[str, ...] = (), **options: Any) -> None:
    """The figure is in each of the pictures, and each note says its part."""
    pictures = load_pictures(path, **options)
    assert pictures.ids == ids
    for each in pictures:
        assert each.truth is not None
        np.testing.assert_allclose(each.truth.keypoints_px[0], figure(), atol=1e-9)
        np.testing.assert_allclose(each.truth.boxes_px[0], BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT], atol=1e-9)
    assert len(pictures.notes) == len(notes), pictures.notes
    assert all(part in note for part, note in zip(notes, pictures.notes, strict=True)), pictures.notes


def official(root: Path) -> Path:
    """As COCO is unpacked: two parts, each with files of other kinds."""
    for part, name in (("train2017", "t"), ("val2017", "v")):
        picture(root / part / f"{name}.png")
        coco(root / "annotations" / f"person_keypoints_{part}.json", f"{name}.png")
        save(root / "annotations" / f"instances_{part}.json", document([person(keypoints=None)], [image(1, "v.png")]))
        save(root / "annotations" / f"captions_{part}.json", {"images": [], "annotations": [{"caption": "x"}]})
    return root


SEVERAL = "several annotation files (person_keypoints_train2017.json, person_keypoints_val2017.json); "


def test_official_coco(tmp_path: Path) -> None:
    root = official(tmp_path)
    for folder in (root, root / "annotations"):
        check(folder, "v", notes=(f"{SEVERAL}person_keypoints_val2017.json is used",))
    for part, name in (("train2017", "t"), ("val2017", "v")):
        check(root / part, name)
        check(root / "annotations" / f"person_keypoints_{part}.json", name)


def test_official_coco_with_the_pictures_of_one_part(tmp_path: Path) -> None:
    root = official(tmp_path)
    (root / "val2017" / "v.png").unlink()
    (root / "val2017").rmdir()
    check(root, "t", notes=(f"{SEVERAL}person_keypoints_train2017.json is used",))


def test_pictures_of_the_file_that_the_named_folder_lacks_are_left_out(tmp_path: Path) -> None:
    coco(tmp_path / "annotations" / "person_keypoints_val2017.json", "a.png", "b.png")
    picture(tmp_path / "val2017" / "a.png")
    check(tmp_path / "val2017", "a", notes=("1 of 2 pictures of ",))
    with pytest.raises(ImageError, match=r"lists b\.png, which is neither beside it"):
        load_pictures(tmp_path)


def test_a_file_of_another_part_labels_nothing(tmp_path: Path) -> None:
    coco(tmp_path / "annotations" / "person_keypoints_val2017.json", "other.png")
    picture(tmp_path / "val2017" / "a.png")
    pictures = load_pictures(tmp_path / "val2017")
    assert pictures[0].truth is None
    assert "person_keypoints_val2017.json were not read" in pictures.notes[0]


def test_cvat(tmp_path: Path) -> None:
    file = coco(tmp_path / "annotations" / "person_keypoints_default.json", "a.png")
    picture(tmp_path / "images" / "default" / "a.png")
    for named in (tmp_path, file, tmp_path / "annotations", tmp_path / "images" / "default"):
        check(named, "a")


def test_roboflow(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        picture(tmp_path / part / f"{part}.png")
        coco(tmp_path / part / "_annotations.coco.json", f"{part}.png")
    check(tmp_path, "valid", notes=("has several parts (valid, test, train); valid is used.",))
    for named in (tmp_path / "test", tmp_path / "test" / "_annotations.coco.json"):
        check(named, "test")


def test_label_studio_as_coco(tmp_path: Path) -> None:
    names = ["images\\0a1b2c3d-a.png", "images/0a1b2c3d-a.png", "/data/upload/1/0a1b2c3d-a.png"]
    for number, name in enumerate(names):
        root = tmp_path / str(number)
        picture(root / "images" / "0a1b2c3d-a.png")
        file = save(root / "result.json", document(images=[image(1, name)]))
        for named in (root, file, root / "images"):
            assert load_pictures(named)[0].truth is not None


def test_label_studios_own_export(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    file = save(tmp_path / "result.json", [task()])
    for named in (tmp_path, file, tmp_path / "images"):
        check(named, "a", notes=("named by a URL or another path",))


@pytest.mark.parametrize("spelt", ["val", "valid", "validation"])
def test_yolo(tmp_path: Path, spelt: str) -> None:
    yolo(tmp_path, f"{spelt}/v", "train/t")
    note = "its keypoints have no names: 17 are taken in the order of COCO's."
    check(tmp_path, "v", notes=(f"has several parts ({spelt}, train); {spelt} is used.", note))
    check(tmp_path / "images" / spelt, "v", notes=(note,))
    file = tmp_path / "data.yaml"
    file.write_text(f"path: .\ntrain: images/train\nval: images/{spelt}\nkpt_shape: [17, 3]\nnames: [person]\n")
    for named in (tmp_path, file, tmp_path / "images" / spelt):
        check(named, "v", notes=(note,))


def test_yolo_beside_its_pictures_and_in_one_folder(tmp_path: Path) -> None:
    picture(tmp_path / "flat" / "a.png")
    label(tmp_path / "flat" / "a.txt")
    (tmp_path / "flat" / "classes.txt").write_text("person\n")
    yolo(tmp_path / "one", "a")
    for named in (tmp_path / "flat", tmp_path / "one", tmp_path / "one" / "images"):
        check(named, "a", notes=("no names",))


def test_pictures_of_another_root(tmp_path: Path) -> None:
    picture(tmp_path / "photographs" / "val" / "a.png")
    file = coco(tmp_path / "labels.json", "val/a.png")
    check(file, "a", root=tmp_path / "photographs")
    with pytest.raises(ImageError, match=r"lists val/a\.png, which is neither beside it"):
        load_pictures(file)
    with pytest.raises(ImageError, match=r"which is not in .*empty") as caught:
        (tmp_path / "empty").mkdir()
        load_pictures(file, root=tmp_path / "empty")
    assert "photographs" not in str(caught.value)
    with pytest.raises(ImageError, match="nowhere is no folder"):
        load_pictures(file, root=tmp_path / "nowhere")
    coco(tmp_path / "annotations" / "person_keypoints_val.json", "a.png")
    check(tmp_path / "annotations", "a", root=tmp_path / "photographs")


def test_text_labels_of_another_root(tmp_path: Path) -> None:
    picture(tmp_path / "photographs" / "a.png")
    picture(tmp_path / "photographs" / "b.png")
    label(tmp_path / "labels" / "a.txt")
    check(
        tmp_path / "labels", "a", root=tmp_path / "photographs", notes=("no names", "1 of 2 pictures of ")
    )  # fmt: skip
    (tmp_path / "data.yaml").write_text("path: elsewhere\nval: ''\ntest: photographs\nkpt_shape: [17, 3]\n")
    label(tmp_path / "photographs" / "a.txt")
    notes = ("no validation pictures; those of `test`", "no names", "1 of 2 pictures of ")
    check(tmp_path / "data.yaml", "a", root=tmp_path, notes=notes)


def test_a_folder_of_text_labels_names_its_pictures(tmp_path: Path) -> None:
    yolo(tmp_path / "set", "val/image1")
    (tmp_path / "set" / "labels" / "val" / "classes.txt").write_text("person\n")
    for named in ("labels", "labels/val"):
        check(tmp_path / "set" / named, "image1", notes=("no names",))


def test_text_labels_of_another_root_lie_in_folders_as_its_pictures_do(tmp_path: Path) -> None:
    picture(tmp_path / "photographs" / "val" / "image1.png")
    for folder in ("text", "set/labels"):
        label(tmp_path / folder / "val" / "image1.txt")
        (tmp_path / folder / "classes.txt").write_text("person\n")
    for named in ("text", "set"):
        check(tmp_path / named, "image1", root=tmp_path / "photographs", notes=("no names",))
    label(tmp_path / "others" / "image2.txt")
    with pytest.raises(ImageError, match="others has none that are found"):
        load_pictures(tmp_path / "others", root=tmp_path / "photographs")


def test_options_of_labels_without_labels_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"--pose-images-root says something of labels, and .* has none"):
        load_pictures(tmp_path, root=tmp_path)
    with pytest.raises(ImageError, match="--pose-category says something of labels"):
        load_pictures(tmp_path, choice=Choice("person"))


def test_several_label_files_of_one_folder(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for name in ("one.json", "two.json"):
        coco(tmp_path / name, "a.png")
    with pytest.raises(ImageError, match=r"several annotation files \(one\.json, two\.json\)"):
        load_pictures(tmp_path)
    (tmp_path / "two.json").write_text(json.dumps({"classes": ["person"]}))
    check(tmp_path, "a")


@pytest.mark.parametrize(
    ("listed", "stored"),
    [
        ("http://images.cocodataset.org/val2017/a%20b.png", "a b.png"),
        ("https://host/x/val2017/a.png?token=1", "val2017/a.png"),
        ("s3://bucket/a.png", "a.png"),
        ("/data/local-files/?d=photographs/val/a.png", "val/a.png"),
        ("/data/upload/3/0a1b2c3d-a.png", "a.png"),
        ("a%20b.png", "a b.png"),
        ("0a1b2c3d-a.png", "a.png"),
        ("Val/A.PNG", "val/a.png"),
        (unicodedata.normalize("NFD", "größe/ü.png"), unicodedata.normalize("NFC", "größe/ü.png")),
        (unicodedata.normalize("NFC", "größe/ü.png"), unicodedata.normalize("NFD", "größe/ü.png")),
        ("100%.png", "100%.png"),
    ],
)
def test_names_of_pictures(tmp_path: Path, listed: str, stored: str) -> None:
    picture(tmp_path / stored)
    pictures = load(tmp_path, document(images=[image(1, listed)]), {})
    assert pictures[0].path == str(tmp_path / stored)
    assert len(pictures.notes) == (listed != stored)


def test_pictures_by_their_coco_url(tmp_path: Path) -> None:
    picture(tmp_path / "val2017" / "7.png")
    url = {"id": 1, "coco_url": "http://images.cocodataset.org/val2017/7.png"}
    pictures = load(tmp_path, document(images=[url, {**url, "id": 2, "coco_url": "x/8.png"}]), {})
    assert pictures.ids == ("7",)
    renamed = load(tmp_path, document(images=[{**url, "file_name": "other.png"}]), {})
    assert "named by a URL or another path, found by the end of it: 1" in renamed.notes[0]


@pytest.mark.parametrize("name", ["https://[x/a.png", "http://host/../../a.png", "/data/upload/../../a.png", "http://"])
def test_addresses_never_leave_the_folder(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "labels").mkdir()
    with pytest.raises(ImageError, match=r"lists .*, which is neither beside it"):
        load(tmp_path / "labels", document(images=[image(1, name)]), {})


@pytest.mark.parametrize("suffix", ["avif", "webp"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_pictures_of_today(tmp_path: Path, suffix: str, orientation: int) -> None:
    if not features.check(suffix):
        pytest.skip(f"this Pillow was built without {suffix}")
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (WIDTH, HEIGHT), (90, 120, 150)).save(tmp_path / f"a.{suffix}", exif=exif)
    size = (WIDTH, HEIGHT) if orientation == 1 else (HEIGHT, WIDTH)
    points = figure(*size)
    box = (BOX * [*size, *size]).tolist()
    content = document([person(points=points, bbox=box)], [image(1, f"a.{suffix}", size)])
    pictures = load(tmp_path, content, {})
    np.testing.assert_allclose(first_truth(pictures).keypoints_px[0], points)
    assert pictures[0].pixels.shape == (size[1], size[0], 3)
    assert np.abs(pictures[0].pixels.astype(int) - [90, 120, 150]).max() < 12
    assert load_pictures(tmp_path).ids == ("a",)


def whole_body(**changes: Any) -> dict[str, Any]:
    parts = {"foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}
    fields = {key: [80.0 + n for n in range(count) for _ in range(3)] for key, count in parts.items()}
    for key, values in fields.items():
        values[2::3] = [1.0 if key == "foot_kpts" else 0.4] * parts[key]
    return person(**{**fields, "face_valid": True, **changes})


def test_coco_whole_body(tmp_path: Path) -> None:
    pictures = load(tmp_path, document([whole_body()]))
    assert pictures.notes == ()
    assert pictures.label_skeleton == built_in("wholebody133")
    truth = first_truth(pictures)
    assert truth.keypoints_px.shape == (1, 133, 3)
    np.testing.assert_allclose(truth.keypoints_px[0, :17], figure())
    np.testing.assert_allclose(
        truth.keypoints_px[0, [17, 22, 23, 132], :], [[80, 80, 1], [85, 85, 1], [80, 80, 1], [100, 100, 1]]
    )
    np.testing.assert_allclose(truth_for(truth, 17).keypoints_px[0], figure())
    with pytest.raises(ImageError, match="has 17 values in `foot_kpts`, not 18"):
        load(tmp_path, document([whole_body(foot_kpts=[0] * 17)]))
    with pytest.raises(ImageError, match="visibility below 0"):
        load(tmp_path, document([whole_body(foot_kpts=[1, 1, -1] * 6)]))
    only = load(tmp_path, document([whole_body(), person(keypoints=(figure() * [1, 1, 0]).ravel().tolist())]))
    assert first_truth(only).keypoints_px.shape == (2, 133, 3)


HAND = [f"finger_{n}" for n in range(21)]
PAW = [f"paw_{n}" for n in range(5)]


def two_categories() -> dict[str, Any]:
    hand = person(points=np.tile(figure()[:1], (21, 1)), category_id=2)
    paw = person(points=np.tile(figure()[:1], (5, 1)), category_id=3)
    return document([hand, paw], categories=[category(HAND, 2, "hand"), category(PAW, 3, "Paw")])


def test_one_of_several_categories_is_named_or_the_networks(tmp_path: Path) -> None:
    load(tmp_path, document())
    file = save(tmp_path / "keypoints.json", two_categories())
    with pytest.raises(ImageError, match=r"categories with different keypoints .*--pose-category"):
        load_pictures(file)
    for choice, count in ((Choice("paw"), 5), (Choice("2"), 21), (Choice(keypoints=lambda: 21), 21)):
        pictures = load_pictures(file, choice=choice)
        assert first_truth(pictures).keypoints_px.shape == (1, count, 3)
        assert any("annotations of other categories, not used: 1" in note for note in pictures.notes)
    assert "(hand (id 2): 21, Paw (id 3): 5); hand (id 2) is used" in pictures.notes[0]
    with pytest.raises(ImageError, match=r"no category tail\. Its categories: hand \(id 2\), Paw \(id 3\)"):
        load_pictures(file, choice=Choice("tail"))


def test_a_network_of_all_keypoints_is_given_all(tmp_path: Path) -> None:
    """COCO's 17 among 26: a network of 17 is judged by the 17, one of 26 by all."""
    halpe = built_in("halpe26").names
    points = np.concatenate([figure(), np.tile(figure()[:1], (9, 1))])
    content = document([person(points=points)], categories=[category(list(halpe))])
    load(tmp_path, content)
    for keypoints in (None, 13, 17):
        assert load_pictures(tmp_path, choice=Choice(keypoints=partial(int, keypoints or 0))).label_keypoints == 17
    pictures = load_pictures(tmp_path, choice=Choice(keypoints=lambda: 26))
    assert pictures.label_skeleton == built_in("halpe26")


def test_keypoints_without_names_in_any_number_are_those_of_a_network_with_as_many(tmp_path: Path) -> None:
    content = document([person(points=np.tile(figure()[:1], (12, 1)))], categories=[category([])])
    with pytest.raises(ImageError, match="its annotations have 12 keypoints"):
        load(tmp_path, content)
    pictures = load_pictures(tmp_path, choice=Choice(keypoints=lambda: 12))
    assert first_truth(pictures).keypoints_px.shape == (1, 12, 3)
    assert "its keypoints have no names: 12 are taken" in pictures.notes[0]


def test_pairs_without_visibilities(tmp_path: Path) -> None:
    points = figure()[:, :2].copy()
    points[3] = 0
    pictures = load(tmp_path, document([person(keypoints=points.ravel().tolist())]))
    seen = first_truth(pictures).keypoints_px[0, :, 2]
    assert seen.tolist() == [2.0] * 3 + [0.0] + [2.0] * 13
    assert "at 0, 0 in labels without visibilities, taken as not labelled" in pictures.notes[0]
    assert load(tmp_path, document([person(keypoints=figure()[:, :2].ravel().tolist())])).notes == ()


def test_names_of_the_joined_set() -> None:
    assert built_in("wholebody133").names[:17] == tuple(NAMES)


def test_text_that_is_no_label_is_left_unread(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for text in ("a person on a bench\n", "1 2 3\n", ""):
        (tmp_path / "a.txt").write_text(text)
        pictures = load_pictures(tmp_path)
        assert pictures[0].truth is None
        assert "a.txt were not read" in pictures.notes[0]
    label(tmp_path / "a.txt", "0 0.5 0.5 0.2 0.2")
    pictures = load_pictures(tmp_path)
    assert pictures[0].truth is None
    assert "their label files have boxes only" in pictures.notes[0]
    label(tmp_path / "a.txt", row())
    assert load_pictures(tmp_path)[0].truth is not None
