"""The same labels in every format give the same OKS and mAP: text, data.yaml and exports against the COCO file.

Text labels have no area and no crowds. ST's figures need neither: OKS takes the box, and crowds are no targets. COCO's
own mAP does need them, so it is compared where both sides have the box as area, and without crowds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_stm32pose.metrics.detection import (
    average_precision_coco,
    average_precision_st,
    map50,
    match_coco,
    match_st,
)
from pytest_stm32pose.metrics.keypoints import is_single_person, oks_vs_truth
from pytest_stm32pose.pictures.files import PictureSequence, load_pictures
from pytest_stm32pose.pictures.reading import read_raster
from pytest_stm32pose.types import Truth
from tests.support.data_sets import save
from tests.support.shared_data import shared_dir

PARTS = ("coco_val2017", "coco_train2017")


def source(part: str) -> Path:
    shared = shared_dir()
    folder = shared / "data" / part if shared else None
    if folder is None or not folder.is_dir():
        pytest.skip("needs the labelled photographs (STM32POSE_DATA)")
    return folder


def content(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "person_keypoints.json").read_text()))


def persons(document: dict[str, Any], image: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """As ST's and ultralytics' converters take them: no crowds, no empty boxes."""
    for each in document["annotations"]:
        if each["image_id"] == image["id"] and not each["iscrowd"] and min(each["bbox"][2:]) > 0:
            yield each


def as_text(root: Path, folder: Path, binary: bool) -> Path:
    """`images/val` beside `labels/val`. Args: binary: visibilities are 0 and 1, as ST's converter writes them."""
    document = content(folder)
    (root / "images").mkdir(parents=True)
    (root / "labels" / "val").mkdir(parents=True)
    (root / "images" / "val").symlink_to(folder / "images")
    for image in document["images"]:
        rows = []
        for each in persons(document, image):
            x, y, width, height = each["bbox"]
            points = np.array(each["keypoints"], dtype=float).reshape(-1, 3) / [image["width"], image["height"], 1]
            points[:, 2] = np.minimum(points[:, 2], 1) if binary else points[:, 2]
            box = np.array([x + width / 2, y + height / 2, width, height])
            box /= np.array([image["width"], image["height"]] * 2)
            rows.append(" ".join(["0", *(repr(float(value)) for value in [*box, *points.ravel()])]))
        (root / "labels" / "val" / f"{Path(image['file_name']).stem}.txt").write_text("\n".join(rows))
    (root / "data.yaml").write_text("val: images/val\nkpt_shape: [17, 3]\nnames:\n  0: person\n")
    return root


def as_label_studio(root: Path, folder: Path) -> Path:
    document, names = content(folder), content(folder)["categories"][0]["keypoints"]
    tasks = []
    for image in document["images"]:
        size = {"original_width": image["width"], "original_height": image["height"]}
        percent = 100 / np.array([image["width"], image["height"]])
        result: list[dict[str, Any]] = []
        for number, each in enumerate(persons(document, image)):
            x, y, width, height = (np.array(each["bbox"]) * np.tile(percent, 2)).tolist()
            value = {"x": x, "y": y, "width": width, "height": height, "rectanglelabels": ["person"]}
            result.append({"id": f"p{number}", "value": value, **size})
            points = np.array(each["keypoints"], dtype=float).reshape(-1, 3)
            for name, (across, down, seen) in zip(names, points, strict=True):
                at = {"x": across * percent[0], "y": down * percent[1], "keypointlabels": [name]}
                result += [{"parentID": f"p{number}", "value": at, **size}] if seen else []
        tasks.append({"data": {"img": f"/data/upload/1/{image['file_name']}"}, "annotations": [{"result": result}]})
    (root / "images").symlink_to(folder / "images")
    return save(root / "export.json", tasks)


def scaled(root: Path, folder: Path) -> Path:
    """The pictures at half their size, with the labels of the whole one."""
    (root / "images").mkdir()
    for image in content(folder)["images"]:
        with Image.open(folder / "images" / image["file_name"]) as opened:
            small = opened.convert("RGB").resize((max(1, opened.width // 2), max(1, opened.height // 2)))
        small.save(root / "images" / image["file_name"])
    return save(root / "keypoints.json", content(folder))


def predictions(identifier: str, truth: Truth, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """What a network might answer: most of the persons, badly, and some that are not there; the same for each name.

    In shares of the picture, so that it is the same at any size.
    """
    labelled = truth.keypoints_px[(truth.keypoints_px[..., 2] > 0).any(axis=1) & ~truth.crowd]
    random = np.random.default_rng(int.from_bytes(identifier.encode()[-6:], "big"))
    found = labelled[random.permutation(len(labelled))][: max(1, len(labelled) - 1)].copy()
    noise = random.normal(0, 0.02, (len(found) + 1, found.shape[1], 2)) * size
    found = np.concatenate([found, found[:1]])
    found[..., :2] += noise
    return found, random.choice([0.2, 0.4, 0.6, 0.8], len(found))


def figures(pictures: PictureSequence, boxes_as_areas: bool = False) -> dict[str, Any]:
    """OKS of each picture of one person, ST's and COCO's mAP."""
    oks: dict[str, float | None] = {}
    st, coco = [], []
    for identifier, (width, height), truth in labelled(pictures, boxes_as_areas):
        persons, scores = predictions(identifier, truth, (width, height))
        oks |= {identifier: oks_vs_truth(persons, truth, width, height)} if is_single_person(truth) else {}
        st.append(match_st(persons, scores, truth, width, height))
        coco.append(match_coco(persons, scores, truth))
    return {
        "oks": oks,
        "map": [map50(st), *average_precision_st(st)],
        "coco": average_precision_coco(coco).tolist() if boxes_as_areas else [],
        "targets": sum(each.targets for each in st),
    }


def labelled(pictures: PictureSequence, boxes_as_areas: bool) -> Iterator[tuple[str, tuple[int, int], Truth]]:
    """Of each picture its id, width and height, and labels."""
    for identifier, path, truth in pictures.entries:
        assert truth is not None
        if boxes_as_areas:
            kept = ~truth.crowd
            points, boxes = truth.keypoints_px[kept], truth.boxes_px[kept]
            areas = boxes[:, 2] * boxes[:, 3]
            truth = replace(truth, keypoints_px=points, boxes_px=boxes, areas_px=areas, crowd=truth.crowd[kept])
        yield identifier, read_raster(path).upright, truth


def check(found: dict[str, Any], expected: dict[str, Any], within: float = 1e-6) -> None:
    assert found["oks"].keys() == expected["oks"].keys()
    assert found["targets"] == expected["targets"]
    for key in ("oks", "map", "coco"):
        assert found[key] == pytest.approx(expected[key], abs=within)
    assert 0.2 < expected["map"][0] < 0.95


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("part", PARTS)
def test_text_labels_give_the_figures_of_the_coco_file(tmp_path: Path, part: str, binary: bool) -> None:
    folder = source(part)
    root = as_text(tmp_path / "yolo", folder, binary)
    expected = figures(load_pictures(folder))
    for named in (root, root / "data.yaml", root / "images" / "val"):
        pictures = load_pictures(named)
        check(figures(pictures), expected)
        assert any("no labelled person" in note for note in pictures.notes) == any(
            "no labelled person" in note for note in load_pictures(folder).notes
        )
    check(figures(load_pictures(root), boxes_as_areas=True), figures(load_pictures(folder), boxes_as_areas=True))


@pytest.mark.parametrize("part", PARTS)
def test_label_studios_export_gives_the_figures_of_the_coco_file(tmp_path: Path, part: str) -> None:
    folder = source(part)
    check(figures(load_pictures(as_label_studio(tmp_path, folder))), figures(load_pictures(folder)))


def test_pictures_of_half_the_size_give_the_figures_of_the_coco_file(tmp_path: Path) -> None:
    """ST's OKS is in shares of the picture, and the predictions are too; sizes are rounded, so not to 1e-6."""
    folder = source(PARTS[0])
    check(figures(load_pictures(scaled(tmp_path, folder))), figures(load_pictures(folder)), within=0.02)
