"""COCO person keypoint annotations as labels of pictures (format: cocodataset.org/#format-data, "Keypoint Detection").

The file is untrusted: its size is bounded, and every field is checked before it is used. 17 keypoints per person, or 13
where the category's `keypoints` list says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.types import Truth

MAX_ANNOTATION_BYTES = 512 * 1024 * 1024
_SETS = (13, 17)
_REMEDY = "Give a COCO person keypoint file (images, annotations with keypoints, categories)."


@dataclass(frozen=True)
class LabelledImage:
    """One entry of `images` with the persons of `annotations` that belong to it."""

    file_name: str
    truth: Truth

    @property
    def has_person(self) -> bool:
        """True when at least one person that is not a crowd has a labelled keypoint."""
        labelled = (self.truth.keypoints_px[:, :, 2] > 0).any(axis=1)
        return bool((labelled & ~self.truth.crowd).any())


def read_annotations(path: Path) -> list[LabelledImage]:
    """The labelled images of a COCO keypoint file, in order of their file names.

    Raises:
        ImageError: unreadable, too big, not JSON, or a field is missing or wrong; names the file and the entry.
    """
    document = _read_json(path)
    keypoints = _keypoint_count(path, document)
    names: dict[int, str] = {}
    for index, image in enumerate(_entries(path, document, "images")):
        identifier = _integer(path, image, "id", f"images[{index}]")
        if identifier in names:
            raise ImageError(f"{path}: images[{index}] has the id {identifier} of another image.", remedy=_REMEDY)
        names[identifier] = _file_name(path, image, index)
    if not names:
        raise ImageError(f"{path} lists no images.", remedy=_REMEDY)
    persons: dict[int, list[Mapping[str, Any]]] = {identifier: [] for identifier in names}
    for index, annotation in enumerate(_entries(path, document, "annotations")):
        owner = _integer(path, annotation, "image_id", f"annotations[{index}]")
        if owner not in persons:
            raise ImageError(
                f"{path}: annotations[{index}] belongs to image {owner}, which is not in the file's images.",
                remedy="Remove the annotation or add its image.",
            )
        persons[owner].append(annotation)
    labelled = [LabelledImage(name, _truth(path, persons[key], keypoints)) for key, name in names.items()]
    return sorted(labelled, key=lambda image: image.file_name)


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        size = path.stat().st_size
        if size > MAX_ANNOTATION_BYTES:
            raise ImageError(
                f"{path} has {size} bytes; annotation files are read up to {MAX_ANNOTATION_BYTES}.",
                remedy="Cut the file down to the pictures under test.",
            )
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}.", remedy="Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{path} is not valid JSON: {error}.", remedy=_REMEDY) from error
    if not isinstance(document, dict):
        raise ImageError(f"{path} holds no JSON object.", remedy=_REMEDY)
    return document


def _entries(path: Path, document: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    entries = document.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ImageError(f"{path} has no list of objects named `{key}`.", remedy=_REMEDY)
    return entries


def _integer(path: Path, entry: Mapping[str, Any], key: str, where: str) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ImageError(f"{path}: {where} has no integer `{key}`.", remedy=_REMEDY)
    return value


def _file_name(path: Path, image: Mapping[str, Any], index: int) -> str:
    name = image.get("file_name")
    if not isinstance(name, str) or not name or "\0" in name:
        raise ImageError(f"{path}: images[{index}] has no `file_name`.", remedy=_REMEDY)
    parts = Path(name).parts
    if Path(name).is_absolute() or ".." in parts:
        raise ImageError(
            f"{path}: images[{index}] names {name!r}, which lies outside the annotation file's folder.",
            remedy="Use file names relative to the folder.",
        )
    return name


def _keypoint_count(path: Path, document: Mapping[str, Any]) -> int:
    if "categories" not in document:
        return 17
    counts = {
        len(category["keypoints"])
        for category in _entries(path, document, "categories")
        if isinstance(category.get("keypoints"), list)
    }
    if len(counts) != 1 or not counts <= set(_SETS):
        found = ", ".join(map(str, sorted(counts))) or "no keypoints"
        raise ImageError(
            f"{path}: its categories name {found}; one set of 13 or 17 keypoints is wanted.",
            remedy="Use person keypoint annotations, not boxes or captions.",
        )
    return counts.pop()


def _truth(path: Path, annotations: Sequence[Mapping[str, Any]], keypoints: int) -> Truth:
    points = np.zeros((len(annotations), keypoints, 3), dtype=np.float64)
    boxes = np.zeros((len(annotations), 4), dtype=np.float64)
    areas = np.zeros(len(annotations), dtype=np.float64)
    crowd = np.zeros(len(annotations), dtype=np.bool_)
    for row, annotation in enumerate(annotations):
        where = f"annotation {annotation.get('id', '?')} of image {annotation['image_id']}"
        points[row] = np.reshape(_numbers(path, annotation, "keypoints", 3 * keypoints, where), (keypoints, 3))
        if not np.isin(points[row, :, 2], (0, 1, 2)).all():
            raise ImageError(f"{path}: {where} has a visibility other than 0, 1 or 2.", remedy=_REMEDY)
        boxes[row] = _numbers(path, annotation, "bbox", 4, where)
        area = annotation.get("area")
        areas[row] = boxes[row, 2] * boxes[row, 3] if area is None else _number(path, area, "area", where)
        if (boxes[row, 2:] < 0).any() or areas[row] < 0:
            raise ImageError(f"{path}: {where} has a negative width, height or area.", remedy="Correct the label.")
        crowd[row] = bool(annotation.get("iscrowd", 0))
    return Truth(points, boxes, areas, crowd)


def _numbers(path: Path, annotation: Mapping[str, Any], key: str, count: int, where: str) -> list[float]:
    values = annotation.get(key)
    if not isinstance(values, list):
        raise ImageError(f"{path}: {where} has no `{key}`.", remedy=_REMEDY)
    if len(values) != count:
        raise ImageError(f"{path}: {where} has {len(values)} values in `{key}`, not {count}.", remedy=_REMEDY)
    return [_number(path, value, key, where) for value in values]


def _number(path: Path, value: Any, key: str, where: str) -> float:
    # Pixels beyond a million are mistakes, and they would overflow what is computed from them.
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1e12:
        raise ImageError(f"{path}: {where} has {value!r} in `{key}`, which is not a usable number.", remedy=_REMEDY)
    return float(value)
