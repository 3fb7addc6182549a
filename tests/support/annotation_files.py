"""Annotation files for tests: a person in the middle of a picture, written to disk with whatever is to be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13
from pytest_stm32pose.pictures.files import PictureSequence, load_pictures
from pytest_stm32pose.types import Truth

WIDTH, HEIGHT = 160, 240
#: A standing figure, as fractions of the picture, in COCO's order.
FIGURE = np.array(
    [(.50, .15), (.49, .14), (.51, .14), (.47, .15), (.53, .15), (.43, .22), (.57, .22), (.41, .35), (.59, .35),
     (.40, .50), (.60, .50), (.45, .55), (.55, .55), (.44, .72), (.56, .72), (.42, .90), (.58, .90)]
)  # fmt: skip
BOX = np.array([0.38, 0.08, 0.24, 0.84])
NAMES = list(COCO_17.names)


def figure(width: float = WIDTH, height: float = HEIGHT, keypoints: int = 17) -> np.ndarray:
    """[keypoints, 3] pixels of a picture of that size, all visible."""
    points = FIGURE if keypoints == 17 else np.concatenate([FIGURE[:1], FIGURE[5:]])
    return np.column_stack([points * [width, height], np.full(len(points), 2)])


def person(image: Any = 1, points: np.ndarray | None = None, **changes: Any) -> dict[str, Any]:
    """An annotation; a value of None leaves the field out."""
    points = figure() if points is None else points
    box = BOX * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    entry = {
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": box.tolist(),
        "area": float(box[2] * box[3] * 0.53),
        "num_keypoints": len(points),
        "keypoints": points.ravel().tolist(),
    }
    entry.update(changes)
    return {key: value for key, value in entry.items() if value is not None}


def image(identifier: Any = 1, name: str = "a.png", size: tuple[Any, Any] | None = (WIDTH, HEIGHT)) -> dict[str, Any]:
    entry = {"id": identifier, "file_name": name}
    return entry if size is None else {**entry, "width": size[0], "height": size[1]}


def category(names: Any = None, identifier: Any = 1, name: str = "person") -> dict[str, Any]:
    """With COCO's names; [] leaves them out."""
    listed = list(NAMES) if names is None else names
    return {"id": identifier, "name": name} | ({"keypoints": listed} if listed else {})


def document(
    persons: list[dict[str, Any]] | None = None,
    images: list[dict[str, Any]] | None = None,
    categories: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The whole file. Annotations without an id are numbered."""
    annotations = [person()] if persons is None else persons
    return {
        "images": [image()] if images is None else images,
        "annotations": [{"id": number, **each} for number, each in enumerate(annotations, 1)],
        "categories": [category()] if categories is None else categories,
    }


def write(folder: Path, content: Any, pictures: dict[str, tuple[int, int, int]] | None = None) -> Path:
    """keypoints.json and its pictures, by name: width, height (as stored), EXIF orientation."""
    for name, (width, height, orientation) in ({"a.png": (WIDTH, HEIGHT, 1)} if pictures is None else pictures).items():
        save_picture(folder / name, width, height, orientation)
    path = folder / "keypoints.json"
    path.write_text(json.dumps(content))
    return path


def save_picture(path: Path, width: int, height: int, orientation: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    Image.new("RGB", (width, height), (90, 120, 150)).save(path, exif=exif)


def load(folder: Path, content: Any, pictures: dict[str, tuple[int, int, int]] | None = None) -> PictureSequence:
    return load_pictures(write(folder, content, pictures))


def first_truth(pictures: PictureSequence) -> Truth:
    truth = pictures[0].truth
    assert truth is not None
    return truth


def st_names() -> list[str]:
    return list(ST_13.names)
