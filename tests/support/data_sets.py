"""Data sets for tests, in the layouts and formats that people have: the figure of annotation_files in a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.annotation_files import (
    BOX,
    FIGURE,
    HEIGHT,
    NAMES,
    WIDTH,
    document,
    figure,
    image,
    person,
    save_picture,
)


def save(path: Path, content: Any) -> Path:
    """A JSON file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def picture(path: Path, orientation: int = 1) -> Path:
    save_picture(path, WIDTH, HEIGHT, orientation)
    return path


def coco(path: Path, *names: str) -> Path:
    """A COCO file of one person in each picture of those names."""
    images = [image(number, name) for number, name in enumerate(names, 1)]
    return save(path, document([person(number) for number in range(1, len(names) + 1)], images))


def row(points: np.ndarray | None = None, box: np.ndarray | None = None, class_: int = 0) -> str:
    """A row of YOLO's text labels, in fractions; the box as x, y, width, height of its corner."""
    points = figure(1, 1) if points is None else points
    x, y, width, height = BOX if box is None else box
    numbers = [x + width / 2, y + height / 2, width, height, *points.ravel()]
    return " ".join([str(class_), *(repr(float(number)) for number in numbers)])


def label(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{each}\n" for each in rows or (row(),)))
    return path


def yolo(root: Path, *names: str) -> Path:
    """`images/` and `labels/` of pictures of those names, `val/a` or `a`."""
    for name in names or ("a",):
        picture(root / "images" / f"{name}.png")
        label(root / "labels" / f"{name}.txt")
    return root


def region(name: str, x: Any, y: Any, **more: Any) -> dict[str, Any]:
    """A keypoint of Label Studio, in percent."""
    value = {"x": x, "y": y, "width": 0.5, "keypointlabels": [name]}
    size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return {"id": f"k{name}{x}", "type": "keypointlabels", "value": value, **size, **more}


def rectangle(identifier: str = "box", box: np.ndarray = BOX, **more: Any) -> dict[str, Any]:
    x, y, width, height = (float(side) for side in box * 100)
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": ["person"]}
    size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return {"id": identifier, "type": "rectanglelabels", "value": value, **size, **more}


def task(*regions: dict[str, Any], name: str = "/data/upload/1/0a1b2c3d-a.png", **more: Any) -> dict[str, Any]:
    """A task of Label Studio's export; without regions, the whole figure in its box."""
    given = list(regions) or [
        rectangle(),
        *(region(each, *point, parentID="box") for each, point in zip(NAMES, (FIGURE * 100).tolist(), strict=True)),
    ]
    return {"id": 1, "data": {"img": name}, "annotations": [{"result": given, "was_cancelled": False}], **more}
