"""COCO person keypoint annotations as labels of pictures (format: cocodataset.org/#format-data, "Keypoint Detection").

The file is untrusted: its size is bounded, and every field is checked before it is used. Labels come out in the
file's own units and on the raster that they were made on; `placing` brings them onto the pictures.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.categories import Categories, Layout, read_categories
from pytest_stm32pose.pictures.annotations.fields import REMEDY, Entry, quoted, shown
from pytest_stm32pose.pictures.annotations.notes import Findings, Kind
from pytest_stm32pose.pictures.annotations.sets import Wanted
from pytest_stm32pose.types import Skeleton, Truth

MAX_ANNOTATION_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class LabelledImage:
    """One picture of `images` with the persons of `annotations` that belong to it."""

    file_name: str
    size: tuple[int, int] | None  #: width and height as the file says; None where it does not
    truth: Truth  #: as the file gives it: `_px` only where it gives pixels of the picture as it is
    findings: Findings

    @property
    def has_person(self) -> bool:
        """True when at least one person that is not a crowd has a labelled keypoint."""
        labelled = (self.truth.keypoints_px[:, :, 2] > 0).any(axis=1)
        return bool((labelled & ~self.truth.crowd).any())


@dataclass(frozen=True)
class Annotations:
    """An annotation file."""

    images: tuple[LabelledImage, ...]  #: in order of their file names
    notes: tuple[str, ...]  #: on the file as a whole
    skeleton: Skeleton  #: which keypoints are labelled
    keypoints: int  #: that a person of the file has, also those that are not used


@dataclass(frozen=True)
class _Person:
    points: NDArray[np.float64]
    box: tuple[float, float, float, float]
    area: float
    crowd: bool

    @property
    def key(self) -> tuple[bytes, tuple[float, float, float, float], bool]:
        return self.points.tobytes(), self.box, self.crowd


def read_annotations(path: Path, wanted: Wanted = None) -> Annotations:
    """The labelled images of a COCO keypoint file.

    Args:
        wanted: the keypoint set that the user named (sets.py).

    Raises:
        ImageError: unreadable, too big, not JSON, a field is missing or wrong, or keypoints of an unknown set; names
            the file and the entry.
    """
    document = _read_json(path)
    images, annotations = (_entries(path, document, key) for key in ("images", "annotations"))
    names: dict[str, str] = {}
    sizes: dict[str, tuple[int, int] | None] = {}
    findings: dict[str, Findings] = {}
    for index, values in enumerate(images):
        entry = Entry(values, path, f"images[{index}]")
        identifier, name, size = entry.identifier("id"), _file_name(entry), entry.size()
        if identifier in names:
            raise entry.wrong(f"has the id {shown(identifier)} of another image.")
        names[identifier] = name
        if name in sizes:
            if sizes[name] != size:
                raise entry.wrong(f"lists {name} again, with another size.", "Keep one entry for each picture.")
            findings[name][Kind.SAME_FILE] = 1
        sizes[name] = size
        findings.setdefault(name, Counter())
    if not names:
        raise ImageError(f"{path} lists no images.", remedy=REMEDY)
    categories = read_categories(
        path,
        _entries(path, document, "categories") if document.get("categories") is not None else [],
        annotations,
        wanted,
    )
    persons = _persons(path, annotations, names, categories, findings)
    labelled = [
        LabelledImage(name, sizes[name], _truth(persons[name], categories.keypoints), findings[name]) for name in sizes
    ]
    return Annotations(
        tuple(sorted(labelled, key=lambda image: image.file_name)),
        tuple(f"{path}: {note}" for note in categories.notes),
        categories.skeleton,
        categories.annotated,
    )


def _read_json(path: Path) -> Mapping[str, object]:
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
        raise ImageError(f"{path} is not valid JSON: {error}.", remedy=REMEDY) from error
    if isinstance(document, list) and document and isinstance(document[0], dict) and "image_id" in document[0]:
        raise ImageError(
            f"{path} is a list of detections (COCO's results format), not of labels: it names no pictures.",
            remedy=REMEDY,
        )
    if not isinstance(document, dict):
        raise ImageError(f"{path} holds no JSON object.", remedy=REMEDY)
    if "shapes" in document and "images" not in document:
        raise ImageError(f"{path} labels one picture in labelme's format.", remedy="Export COCO keypoints.")
    return document


def _entries(path: Path, document: Mapping[str, object], key: str) -> Sequence[Mapping[str, object]]:
    entries = document.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ImageError(f"{path} has no list of objects named `{key}`.", remedy=REMEDY)
    return entries


def _file_name(entry: Entry) -> str:
    name = entry.values.get("file_name")
    if not isinstance(name, str) or not name or not _is_text(name):
        raise entry.wrong("has no `file_name`.")
    absolute = PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute()
    if absolute or ".." in (*PurePosixPath(name).parts, *PureWindowsPath(name).parts):
        raise entry.wrong(
            f"names {quoted(name)}, which lies outside the annotation file's folder.",
            "Use file names relative to the folder.",
        )
    return str(PurePosixPath(name))


def _is_text(name: str) -> bool:
    """Whether a name can be printed: JSON can hold line ends, and half of a surrogate pair."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)


def _persons(
    path: Path,
    annotations: Sequence[Mapping[str, object]],
    names: Mapping[str, str],
    categories: Categories,
    findings: Mapping[str, Findings],
) -> dict[str, list[_Person]]:
    """The persons of each picture; what was settled is counted in `found`."""
    persons: dict[str, list[_Person]] = {name: [] for name in findings}
    seen: dict[str, set[object]] = {name: set() for name in findings}
    ids: set[str] = set()
    for index, values in enumerate(annotations):
        entry = Entry(values, path, f"annotations[{index}]")
        owner = entry.identifier("image_id")
        if owner not in names:
            raise entry.wrong(
                f"belongs to image {shown(owner)}, which is not in the file's images.",
                "Remove the annotation or add its image.",
            )
        name = names[owner]
        layout = _layout(entry, categories, findings[name])
        if layout is None:
            continue
        person = _person(
            Entry(values, path, f"annotation {shown(values.get('id', '?'))} of {name}"), layout, findings[name]
        )
        labelled = bool((person.points[:, 2] > 0).any())
        if labelled and person.key in seen[name]:
            findings[name][Kind.SAME_PERSON] += 1
            continue
        if isinstance(values.get("id"), int | str):
            findings[name][Kind.SAME_ID] += str(values["id"]) in ids
            ids.add(str(values["id"]))
        seen[name].add(person.key)
        persons[name].append(person)
        empty = not (person.box[2] > 0 and person.box[3] > 0 and person.area > 0)
        findings[name][Kind.NO_AREA] += labelled and empty and not person.crowd
    return persons


def _layout(entry: Entry, categories: Categories, findings: Findings) -> Layout | None:
    """How an annotation's keypoints stand; None for one of a category that is not used."""
    category = None if entry.values.get("category_id") is None else entry.identifier("category_id")
    foreign = category not in categories.listed
    if foreign and len(categories.listed) > 1:
        raise entry.wrong("has none of the categories that the file lists.", "Correct its `category_id`.")
    layout = categories.layout_of(category)
    findings[Kind.OTHER_CATEGORY] += layout is None
    findings[Kind.NO_CATEGORY] += foreign and bool(categories.listed)
    return layout


def _person(entry: Entry, layout: Layout, findings: Findings) -> _Person:
    points = np.zeros((len(layout.rows), 3))
    if entry.values.get("keypoints"):
        points = entry.points(layout.count)[list(layout.rows)]
        invisible = not points[:, 2].any() and bool(points[:, :2].any())
        findings[Kind.ALL_INVISIBLE] += invisible
    else:
        findings[Kind.NO_KEYPOINTS] += not entry.flag("iscrowd")
    x, y, width, height = entry.numbers("bbox", 4) if entry.values.get("bbox") else (0.0, 0.0, 0.0, 0.0)
    given = entry.values.get("area")
    area = width * height if given is None else entry.number("area", given)
    if width < 0 or height < 0 or area < 0:
        raise entry.wrong("has a negative width, height or area.", "Correct the label.")
    return _Person(points, (x, y, width, height), area, entry.flag("iscrowd"))


def _truth(persons: Sequence[_Person], keypoints: int) -> Truth:
    return Truth(
        np.array([person.points for person in persons], dtype=np.float64).reshape(-1, keypoints, 3),
        np.array([person.box for person in persons], dtype=np.float64).reshape(-1, 4),
        np.array([person.area for person in persons], dtype=np.float64),
        np.array([person.crowd for person in persons], dtype=np.bool_),
    )
