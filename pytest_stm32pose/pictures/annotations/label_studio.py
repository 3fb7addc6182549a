"""Label Studio's JSON export of keypoints, full and "min": regions of a picture, in percent, with names.

Format: labelstud.io/guide/export and tags/keypointlabels. Regions have no order and know of no person: keypoints
belong to the box that they are drawn in (`parentID`), that they are joined to, or that they lie in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

import numpy as np

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.skeleton import COCO_17, ST_13
from pytest_stm32pose.pictures.annotations.fields import Entry, shown
from pytest_stm32pose.pictures.annotations.file_names import is_name
from pytest_stm32pose.pictures.annotations.labelled import Annotations, Choice, LabelledImage, Person, truth_of
from pytest_stm32pose.pictures.annotations.names import plain_names, set_of_names
from pytest_stm32pose.pictures.annotations.notes import Findings, Kind
from pytest_stm32pose.pictures.annotations.sets import Wanted
from pytest_stm32pose.types import Skeleton

_REMEDY = "Export as COCO, or label each person's keypoints within its box."
_SETS_REMEDY = "Say which they are with --pose-skeleton, or export as COCO."
#: Fields of a task that are no data of it.
_OF_SERVER = ("created_at", "updated_at", "meta", "project")


@dataclass
class _Region:
    """A keypoint or a box; numbers in fractions of the picture."""

    identifier: str
    parent: str
    label: str
    place: tuple[float, float]
    sides: tuple[float, float] | None  #: of a box
    points: list[_Region] = field(default_factory=list)  #: of a box: the keypoints of its person

    def holds(self, point: _Region) -> bool:
        assert self.sides is not None
        inside = zip(self.place, self.sides, point.place, strict=True)
        return all(low <= at <= low + side for low, side, at in inside)


def is_label_studio(document: object) -> TypeGuard[list[dict[str, object]]]:
    """Whether a document is a list of tasks."""
    if not isinstance(document, list) or not document or not all(isinstance(task, dict) for task in document):
        return False
    first = document[0]
    return isinstance(first.get("data"), dict) or any(True for _ in _min_regions(first))


def read_tasks(
    path: Path, document: Sequence[Mapping[str, object]], wanted: Wanted = None, choice: Choice | None = None
) -> Annotations:
    """The pictures of an export.

    Args:
        wanted: the keypoint set that the user named (sets.py).
        choice: between its boxes' labels.

    Raises:
        ImageError: a field is missing or wrong, names of another set, or nobody can tell whose a keypoint is.
    """
    choice = choice or Choice()
    read: list[tuple[str, tuple[str, ...], tuple[int, int] | None, list[_Region], Findings]] = []
    for index, task in enumerate(document):
        entry = Entry(task, path, f"task {index + 1}")
        name, *others = _picture_names(entry)
        regions, size, findings = _regions(entry, choice.category)
        read.append((name, tuple(others), size, regions, findings))
    again = next((name for name, count in Counter(name for name, *_ in read).items() if count > 1), None)
    if again is not None:
        raise ImageError(f"{path} has several tasks of {shown(again)}.", remedy="Keep one task for each picture.")
    labels = [region.label for task in read for region in task[3] if not region.sides]
    skeleton, rows = _order(path, list(dict.fromkeys(labels)), wanted, choice)
    images = []
    for name, more, size, regions, findings in read:
        persons = [
            _person(path, name, box, points, rows, len(skeleton.names))
            for box, points in _by_person(path, name, regions)
        ]
        for person in persons:
            findings[Kind.NO_AREA] += person.is_labelled and person.is_empty
            findings[Kind.NO_KEYPOINTS] += not person.is_labelled
        truth = truth_of(persons, len(skeleton.names))
        images.append(LabelledImage(name, size, truth, findings, other_names=more))
    ordered = tuple(sorted(images, key=lambda image: image.file_name))
    return Annotations(ordered, (), skeleton, are_fractions=True)


def _picture_names(entry: Entry) -> list[str]:
    """What the picture of a task is called, the likeliest first."""
    data = entry.values.get("data")
    fields = data if isinstance(data, dict) else entry.values
    values = [entry.values.get("file_upload"), *(value for key, value in fields.items() if key not in _OF_SERVER)]
    names = [value for value in values if is_name(value) and "." in str(value).rpartition("/")[2]]
    if not names:
        raise entry.wrong("names no picture.", "Export the tasks with their data.")
    return list(dict.fromkeys(map(str, names)))


def _regions(entry: Entry, category: str | None) -> tuple[list[_Region], tuple[int, int] | None, Findings]:
    """Of the annotation that counts: the first that was not cancelled, or the ground truth."""
    findings: Findings = Counter()
    given = entry.values.get("annotations", entry.values.get("completions"))
    if given is None:
        items = list(_min_regions(entry.values))
    else:
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            raise entry.wrong("has no list of annotations.", _REMEDY)
        done = [each for each in given if not each.get("was_cancelled")]
        done.sort(key=lambda each: not each.get("ground_truth"))
        findings[Kind.SECOND_OPINION] += len(done) > 1
        result = done[0].get("result") if done else []
        if not isinstance(result, list) or not all(isinstance(item, dict) for item in result):
            raise entry.wrong("has no list in `result`.", _REMEDY)
        items = result
    size = Entry({"width": items[0].get("original_width"), "height": items[0].get("original_height")}, entry.path,
                 entry.where).size() if items else None  # fmt: skip
    found = [region for item in items for region in _region(entry, item)]
    _follow_relations(found, items)
    boxes = [region for region in found if region.sides]
    if category is not None and boxes:
        left_out = [box for box in boxes if box.label.casefold() != category.casefold()]
        found = [region for region in found if region not in left_out]
    return found, size, findings


def _min_regions(task: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Of the short form, where every control of the labelling page has a list of its own."""
    for value in task.values():
        if isinstance(value, list):
            for item in value:
                if isinstance(item, dict) and ("keypointlabels" in item or "rectanglelabels" in item):
                    yield {**item, "value": item}


def _region(entry: Entry, item: Mapping[str, object]) -> Iterator[_Region]:
    value = item.get("value")
    if not isinstance(value, dict) or not ("keypointlabels" in value or "rectanglelabels" in value):
        return
    region = Entry(value, entry.path, f"a region of {entry.where}")
    for key, of in (("image_rotation", item), ("rotation", value)):
        if of.get(key) not in (None, 0):
            raise region.wrong(
                f"is turned (`{key}` {shown(of[key])}).", "Label the picture as it is, with upright boxes."
            )
    is_point = "keypointlabels" in value
    labels = value["keypointlabels" if is_point else "rectanglelabels"]
    if not isinstance(labels, list) or len(labels) > 1 or not all(isinstance(label, str) for label in labels):
        raise region.wrong("has not one label.", _REMEDY)
    x, y = (region.number(key, value.get(key)) / 100 for key in ("x", "y"))
    sides = None
    if not is_point:
        width, height = (region.number(key, value.get(key)) / 100 for key in ("width", "height"))
        if width < 0 or height < 0:
            raise region.wrong("has a negative width or height.", "Correct the label.")
        sides = (width, height)
    if labels or sides is not None:
        parent = item.get("parentID")
        owner = parent if isinstance(parent, str) else ""
        yield _Region(str(item.get("id", "")), owner, labels[0] if labels else "", (x, y), sides)


def _follow_relations(regions: Sequence[_Region], items: Sequence[Mapping[str, object]]) -> None:
    """A keypoint that is joined to a box is within it."""
    by_id = {region.identifier: region for region in regions}
    for item in items:
        ends = [by_id.get(str(item.get(key))) for key in ("from_id", "to_id")] if item.get("type") == "relation" else []
        for point, box in (ends, ends[::-1]) if len(ends) == 2 else ():
            if point is not None and box is not None and not point.sides and box.sides and not point.parent:
                point.parent = box.identifier


def _by_person(path: Path, name: str, regions: Sequence[_Region]) -> Iterator[tuple[_Region | None, Sequence[_Region]]]:
    """Boxes with their keypoints; keypoints without any box are one person's."""
    boxes = [region for region in regions if region.sides]
    points = [region for region in regions if not region.sides]
    by_id = {box.identifier: box for box in boxes if box.identifier}
    for point in points if boxes else ():
        around = [box for box in boxes if box.holds(point)]
        owner = by_id.get(point.parent) or (boxes[0] if len(boxes) == 1 else None)
        owner = owner or (around[0] if len(around) == 1 else None)
        if owner is None:
            raise ImageError(
                f"{path}: the keypoint {shown(point.label)} in {shown(name)} lies in {len(around) or 'no'} boxes; "
                "nobody can tell whose it is.",
                remedy=_REMEDY,
            )
        owner.points.append(point)
    yield from ((box, box.points) for box in boxes)
    if points and not boxes:
        yield None, points


def _person(
    path: Path, name: str, box: _Region | None, points: Sequence[_Region], rows: Mapping[str, int], count: int
) -> Person:
    found = np.zeros((count, 3))
    for point in points:
        if found[rows[point.label], 2]:
            raise ImageError(f"{path} has {shown(point.label)} of one person twice in {shown(name)}.", remedy=_REMEDY)
        found[rows[point.label]] = (*point.place, 2)
    return Person(found, (*box.place, *box.sides) if box is not None and box.sides else (0.0, 0.0, 0.0, 0.0))


def _order(path: Path, labels: Sequence[str], wanted: Wanted, choice: Choice) -> tuple[Skeleton, dict[str, int]]:
    """The set that all keypoints are of, and where each label stands in it; the export does not say their order."""
    plain = dict(zip(labels, plain_names(labels), strict=True))
    known = [COCO_17, ST_13]
    if choice.keypoints() == len(ST_13.names):
        known.reverse()
    exact = set_of_names(labels)
    for skeleton in [wanted] if isinstance(wanted, Skeleton) else [*([exact[0]] if exact else []), *known]:
        names = plain_names(skeleton.names)
        if set(plain.values()) <= set(names):
            return skeleton, {label: names.index(name) for label, name in plain.items()}
    told = ", ".join(shown(label) for label in labels[:6])
    raise ImageError(
        f"{path} has keypoints ({told}) that are neither COCO's nor ST's, and does not say their order.",
        remedy=_SETS_REMEDY,
    )
