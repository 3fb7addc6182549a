"""COCO person keypoint annotations as labels of pictures (format: cocodataset.org/#format-data, "Keypoint Detection").

The file is untrusted: its size is bounded, and every field is checked before it is used. Labels come out in the
file's own units and on the raster that they were made on; `placing` brings them onto the pictures.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.categories import Categories, Layout, read_categories
from pytest_stm32pose.pictures.annotations.fields import REMEDY, Entry, is_pairs, shown
from pytest_stm32pose.pictures.annotations.file_names import file_name, other_names
from pytest_stm32pose.pictures.annotations.labelled import Annotations, Choice, LabelledImage, Person, truth_of
from pytest_stm32pose.pictures.annotations.notes import Findings, Kind
from pytest_stm32pose.pictures.annotations.sets import FROM_LABELS, Wanted
from pytest_stm32pose.pictures.annotations.whole_body import BODY, WHOLE_BODY, parts_of, whole_body

MAX_ANNOTATION_BYTES = 512 * 1024 * 1024


def read_annotations(path: Path, wanted: Wanted = None, choice: Choice | None = None) -> Annotations:
    """The labelled images of a COCO keypoint file.

    Args:
        wanted: the keypoint set that the user named (sets.py).
        choice: between its categories.

    Raises:
        ImageError: unreadable, too big, not JSON, a field is missing or wrong, or keypoints of an unknown set; names
            the file and the entry.
    """
    return annotations_of(path, read_json(path), wanted, choice)


def annotations_of(path: Path, document: object, wanted: Wanted = None, choice: Choice | None = None) -> Annotations:
    """The same of a document that was read."""
    content = _coco_object(path, document)
    images, annotations = (_entries(path, content, key) for key in ("images", "annotations"))
    names: dict[str, str] = {}
    listed: dict[str, LabelledImage] = {}
    for index, values in enumerate(images):
        entry = Entry(values, path, f"images[{index}]")
        identifier, name, size = entry.identifier("id"), file_name(entry), entry.size()
        if identifier in names:
            raise entry.wrong(f"has the id {shown(identifier)} of another image.")
        names[identifier] = name
        known = listed.get(name)
        if known is not None and known.size != size:
            raise entry.wrong(f"lists {name} again, with another size.", "Keep one entry for each picture.")
        if known is not None:
            known.findings[Kind.SAME_FILE] = 1
        else:
            listed[name] = LabelledImage(name, size, truth_of([], 0), Counter(), other_names=other_names(values))
    if not names:
        raise ImageError(f"{path} lists no images.", remedy=REMEDY)
    listed_categories = _entries(path, content, "categories") if content.get("categories") is not None else []
    categories = read_categories(path, listed_categories, annotations, wanted, choice)
    if wanted in (None, FROM_LABELS, WHOLE_BODY):
        categories = whole_body(categories, annotations)
    persons = _persons(path, annotations, names, categories, {name: image.findings for name, image in listed.items()})
    labelled = [replace(image, truth=truth_of(persons[name], categories.keypoints)) for name, image in listed.items()]
    return Annotations(
        tuple(sorted(labelled, key=lambda image: image.file_name)),
        tuple(f"{path}: {note}" for note in categories.notes),
        categories.skeleton,
        unused=categories.annotated - categories.keypoints,
    )


def read_json(path: Path) -> object:
    """The document of a file.

    Raises:
        ImageError: unreadable, too big, or not JSON.
    """
    try:
        size = path.stat().st_size
        if size > MAX_ANNOTATION_BYTES:
            raise ImageError(
                f"{path} has {size} bytes; annotation files are read up to {MAX_ANNOTATION_BYTES}.",
                remedy="Cut the file down to the pictures under test.",
            )
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}.", remedy="Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{path} is not valid JSON: {error}.", remedy=REMEDY) from error


def _coco_object(path: Path, document: object) -> Mapping[str, object]:
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


def _persons(
    path: Path,
    annotations: Sequence[Mapping[str, object]],
    names: Mapping[str, str],
    categories: Categories,
    findings: Mapping[str, Findings],
) -> dict[str, list[Person]]:
    """The persons of each picture; what was settled is counted in `found`."""
    persons: dict[str, list[Person]] = {name: [] for name in findings}
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
        if person.is_labelled and person.key in seen[name]:
            findings[name][Kind.SAME_PERSON] += 1
            continue
        if isinstance(values.get("id"), int | str):
            findings[name][Kind.SAME_ID] += str(values["id"]) in ids
            ids.add(str(values["id"]))
        seen[name].add(person.key)
        persons[name].append(person)
        findings[name][Kind.NO_AREA] += person.is_labelled and person.is_empty and not person.crowd
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


def _person(entry: Entry, layout: Layout, findings: Findings) -> Person:
    points = np.zeros((len(layout.rows), 3))
    if entry.values.get("keypoints"):
        points = _all_points(entry, layout)[list(layout.rows)]
        invisible = not points[:, 2].any() and bool(points[:, :2].any())
        findings[Kind.ALL_INVISIBLE] += invisible
        findings[Kind.ZERO_PAIRS] += is_pairs(entry.values, layout.count) and bool((points[:, 2] == 0).any())
    else:
        findings[Kind.NO_KEYPOINTS] += not entry.flag("iscrowd")
    x, y, width, height = entry.numbers("bbox", 4) if entry.values.get("bbox") else (0.0, 0.0, 0.0, 0.0)
    given = entry.values.get("area")
    area = float("nan") if given is None else entry.number("area", given)
    if width < 0 or height < 0 or area < 0:
        raise entry.wrong("has a negative width, height or area.", "Correct the label.")
    return Person(points, (x, y, width, height), area, entry.flag("iscrowd"))


def _all_points(entry: Entry, layout: Layout) -> NDArray[np.float64]:
    """All that an annotation has, float64 [layout.count, 3]; COCO-WholeBody's behind COCO's."""
    given = entry.values.get("keypoints")
    if layout.count != len(WHOLE_BODY.names) or not isinstance(given, list) or len(given) != 3 * BODY:
        return entry.points(layout.count)
    return np.concatenate([entry.points(BODY), parts_of(entry)])
