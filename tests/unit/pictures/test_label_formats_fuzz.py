"""Whatever stands in text labels, a data.yaml or Label Studio's export: labels that make sense, or one sentence."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.labelled import Choice
from pytest_stm32pose.pictures.files import PictureSequence, load_pictures
from pytest_stm32pose.pictures.places import PictureFinder
from tests.support.annotation_files import document, image
from tests.support.data_sets import label, picture, rectangle, region, row, save, task
from tests.unit.pictures.test_annotations_fuzz import JSON, SCALARS, places

TOKENS = st.one_of(
    st.sampled_from(
        ["0", "1", "2", "-1", "0.5", "nan", "inf", "1e999", "1_0", "x", "", "\u0661", "\0", "0x1", "1e-320"]
    ),
    st.floats(-2, 2).map(repr),
    st.floats(allow_nan=True).map(repr),
    st.integers(-(10**30), 10**30).map(str),
)
ROWS = st.lists(st.one_of(st.just(row()), st.lists(TOKENS, max_size=60).map(" ".join)), max_size=4)
STEPS = ("..", "a.png", "%2f", "\\", "/data/upload/", "?d=", "http://", "0a1b2c3d-", "\0")
NAMES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["../a.png", "/a.png", "C:\\a.png", "%2e%2e/a.png", "http://[::1/a.png", "a" * 5000, "?d=../a.png"]
    ),
    st.lists(st.sampled_from(STEPS), max_size=5).map("".join),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("formats")
    for part in ("train", "val"):
        picture(path / "images" / part / "a.png")
    picture(path / "a.png")
    (path / "all.yaml").write_text("val: [images/train, images/val]\n")
    return path


def check(load: Callable[[], PictureSequence], *named: Path) -> None:
    """Labels that make sense, or one sentence that names a file; soon."""
    started = time.process_time()
    try:
        pictures = load()
    except ImageError as error:
        assert any(str(path) in str(error) for path in named), error
        assert "\n" not in str(error)
        assert len(str(error)) < 1500
        return
    finally:
        assert time.process_time() - started < 5
    for each in pictures:
        if each.truth is None:
            continue
        assert np.isfinite(each.truth.keypoints_px).all()
        assert np.isin(each.truth.keypoints_px[..., 2], (0, 1, 2)).all()
        assert np.isfinite(each.truth.boxes_px).all()
        assert (each.truth.boxes_px[:, 2:] >= 0).all()
        assert np.isfinite(each.truth.areas_px).all()
        assert (each.truth.areas_px >= 0).all()
        assert each.truth.skeleton is not None
        assert len(each.truth.skeleton.names) == each.truth.keypoints_px.shape[1]
    assert all(note.endswith(".") and "\n" not in note for note in pictures.notes)


SLOW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(ROWS, ROWS, st.sampled_from([None, 1, 2, 12, 17, 26]), st.sampled_from([None, "0", "1", "person"]))
def test_text_labels(
    folder: Path, first: list[str], second: list[str], keypoints: int | None, name: str | None
) -> None:
    for part, rows in (("train", first), ("val", second)):
        label(folder / "labels" / part / "a.txt", *(rows or [""]))
    choice = Choice(name, lambda: keypoints)
    check(lambda: load_pictures(folder / "images" / "val", choice=choice), folder)
    check(lambda: load_pictures(folder / "all.yaml", choice=choice), folder)


@SLOW
@given(st.binary(max_size=300))
def test_bytes_of_a_text_label(folder: Path, content: bytes) -> None:
    label(folder / "labels" / "train" / "a.txt")
    (folder / "labels" / "val").mkdir(exist_ok=True)
    (folder / "labels" / "val" / "a.txt").write_bytes(content)
    check(lambda: load_pictures(folder / "all.yaml"), folder)


DATA: dict[str, Any] = {
    "path": ".",
    "train": "images/train",
    "val": ["images/val", "list.txt"],
    "names": {0: "person", 1: "dog"},
    "kpt_shape": [17, 3],
    "flip_idx": [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15],
    "kpt_names": {0: [f"point {n}" for n in range(17)]},
    "kpt_oks_sigmas": [0.05] * 17,
    "download": "exit(1)",
}


def mutate(content: Any, data: st.DataObject, found: list[tuple[Any, ...]]) -> None:
    *parents, last = data.draw(st.sampled_from(found))
    holder = content
    try:
        for step in parents:
            holder = holder[step]
        how = data.draw(st.sampled_from(["set", "set", "delete", "double"]))
        if how == "delete":
            del holder[last]
        elif how == "double" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        else:
            holder[last] = data.draw(JSON)
    except (KeyError, IndexError, TypeError):
        return  # an earlier mutation took the place away


@SLOW
@given(st.data())
def test_data_yaml(folder: Path, data: st.DataObject) -> None:
    for part in ("train", "val"):
        label(folder / "labels" / part / "a.txt")
    (folder / "list.txt").write_text("images/val/a.png\n")
    content = copy.deepcopy(DATA)
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(content, data, places(DATA))
    path = folder / "data.yaml"
    path.write_text(json.dumps(content), encoding="utf-8", errors="replace")  # JSON is YAML, but for odd numbers
    try:
        check(lambda: load_pictures(path), folder)
    finally:
        path.unlink()


@SLOW
@given(st.one_of(st.binary(max_size=200), st.text("[]{}:,&*!<-#'\"\n abc01.~|>%@?", max_size=120).map(str.encode)))
def test_any_yaml(folder: Path, content: bytes) -> None:
    path = folder / "any.yaml"
    path.write_bytes(b"val: images/val\n" + content)
    try:
        check(lambda: load_pictures(path), folder)
    finally:
        path.unlink()


def tasks() -> list[dict[str, Any]]:
    free = task(rectangle(), region("nose", 50, 15), region("left_eye", 49, 14), name="sub/a.png")
    return [task(), {**free, "file_upload": "0a1b2c3d-b.png"}]


TASK_PLACES = places(tasks())


@SLOW
@given(st.data())
def test_label_studio(folder: Path, data: st.DataObject) -> None:
    content = tasks()
    for _ in range(data.draw(st.integers(0, 3))):
        mutate(content, data, TASK_PLACES)
    path = save(folder / "export" / "export.json", content)
    picture(folder / "export" / "b.png")
    picture(folder / "export" / "a.png")
    check(lambda: load_pictures(path, choice=Choice(data.draw(st.sampled_from([None, "person", "dog"])))), folder)


@SLOW
@given(st.lists(NAMES, min_size=1, max_size=3))
def test_names_of_pictures(folder: Path, names: list[str]) -> None:
    """None of them is found outside of the folder, and none breaks the search."""
    inner = folder / "inner"
    inner.mkdir(exist_ok=True)
    images = [image(number, name) for number, name in enumerate(names)]
    path = save(inner / "keypoints.json", document(images=images, persons=[]))
    check(lambda: load_pictures(path), folder)
    for name in names:
        assert PictureFinder(path, (inner,)).find(name) is None


@SLOW
@given(st.dictionaries(st.sampled_from(["sigmas", "kpt_oks_sigmas", "skeleton", "keypoints", "name"]), JSON | SCALARS))
def test_what_a_category_says(folder: Path, changes: dict[str, Any]) -> None:
    content = document()
    content["categories"][0] |= changes
    path = save(folder / "keypoints.json", content)
    try:
        check(lambda: load_pictures(path, choice=Choice(keypoints=lambda: math.floor(21))), folder)
    finally:
        path.unlink()
