"""Whatever stands in an annotation file: pictures with labels that make sense, or an ImageError that names the file."""

from __future__ import annotations

import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.files import load_pictures
from tests.support.annotation_files import BOX, category, document, figure, image, person, save_picture

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 2, -1, 0.5, 1e300, -1e13, 2**53, 10**400, math.nan, math.inf, -math.inf, 159.99, 1e-320]),
    st.integers(-300, 300),
    st.floats(-300, 300),
    st.sampled_from(["", "1", "a.png", "A.PNG", "../a.png", "b\\a.png", "left_eye", "\ud800", "\0", "nose", "9" * 400]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["id", "keypoints", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)


def valid() -> dict[str, Any]:
    lying = person(2, figure(240, 160), bbox=(BOX * [240, 160, 240, 160]).tolist())
    return document(
        [person(1), lying, person(2, iscrowd=1, keypoints=[0] * 51), person(1, keypoints=None)],
        [image(1), image(2, "b.jpg", (240, 160))],
        [category(), category([], 2, "box")],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("labels")
    save_picture(path / "a.png", 160, 240)
    save_picture(path / "b.jpg", 240, 160, 6)
    return path


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document; of long lists the first, the last, and one between."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, each in value.items():
            found += places(each, (*path, key))
    elif isinstance(value, list):
        for index in sorted({0, len(value) // 2, len(value) - 1} if value else set()):
            found += places(value[index], (*path, index))
    return found


PLACES = places(valid())


def mutate(content: Any, data: st.DataObject) -> None:
    *parents, last = data.draw(st.sampled_from(PLACES))
    holder = content
    try:
        for step in parents:
            holder = holder[step]
        how = data.draw(st.sampled_from(["set", "set", "delete", "double", "swap"]))
        if how == "delete":
            del holder[last]
        elif how == "double" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        elif how == "swap" and isinstance(holder, list):
            holder.reverse()
        else:
            holder[last] = data.draw(JSON)
    except (KeyError, IndexError, TypeError):
        return  # an earlier mutation took the place away


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutated_files(folder: Path, data: st.DataObject) -> None:
    content = valid()
    for _ in range(data.draw(st.integers(1, 4))):
        mutate(content, data)
    path = folder / "keypoints.json"
    path.write_text(json.dumps(content))
    started = time.process_time()
    try:
        pictures = load_pictures(path)
    except ImageError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        assert len(str(error)) < 1000
        return
    finally:
        assert time.process_time() - started < 5
    for picture in pictures:
        truth = picture.truth
        assert truth is not None
        labelled = truth.keypoints_px[truth.keypoints_px[..., 2] > 0]
        assert len(labelled)
        assert np.isfinite(truth.keypoints_px).all()
        assert np.isin(truth.keypoints_px[..., 2], (0, 1, 2)).all()
        assert np.isfinite(truth.boxes_px).all()
        assert (truth.boxes_px[:, 2:] >= 0).all()
        assert np.isfinite(truth.areas_px).all()
        assert (truth.areas_px >= 0).all()
    assert all(note.endswith(".") and "\n" not in note for note in pictures.notes)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes(folder: Path, data: st.DataObject) -> None:
    content = bytearray(json.dumps(valid()).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "keypoints.json"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    try:
        load_pictures(path)
    except ImageError as error:
        assert str(path) in str(error)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON)
def test_any_json(folder: Path, content: Any) -> None:
    path = folder / "keypoints.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ImageError):
        load_pictures(path)


def test_the_unmutated_file_is_fine(folder: Path) -> None:
    path = folder / "keypoints.json"
    path.write_text(json.dumps(valid()))
    assert load_pictures(path).ids == ("a", "b")
