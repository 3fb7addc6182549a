"""YOLO's text labels with keypoints: one file a picture, one row a person, what ST's services and ultralytics train on.

A row: class, centre x, centre y, width, height of the box, then x, y and, in most files, visibility of each keypoint;
all but class and visibility as fractions of the picture. An empty file, or none, is a picture without anybody.
Formats: docs.ultralytics.com/datasets/pose; stm32ai-modelzoo-services, pose_estimation ("YOLO Darknet").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.skeleton import skeleton_of, usual
from pytest_stm32pose.pictures.annotations.categories import Categories, Layout, read_categories
from pytest_stm32pose.pictures.annotations.fields import MAX_KEYPOINTS, MAX_NUMBER, shown, with_visibility
from pytest_stm32pose.pictures.annotations.labelled import Annotations, Choice, LabelledImage, Person, truth_of
from pytest_stm32pose.pictures.annotations.notes import Findings, Kind
from pytest_stm32pose.pictures.annotations.sets import USUAL, Wanted

#: Of one file: thousands of persons; of the numbers of all files together: ten times COCO's training pictures.
MAX_FILE_BYTES, MAX_ALL_BYTES = 4 * 1024 * 1024, 256 * 1024 * 1024
_BOX = 5
#: Class and four corners: an oriented box, not two keypoints.
_ORIENTED = 9
_FORMAT = "Give rows of class, x, y, width, height, then x, y (and visibility) of each keypoint."
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Declared:
    """What a data.yaml says of its labels; the defaults: nothing does."""

    keypoints: int | None = None  #: of a person
    dimensions: int | None = None  #: numbers of a keypoint: 2 or 3
    names: tuple[str, ...] = ()  #: of the keypoints; empty: it has none
    mirror: tuple[int, ...] = ()  #: the keypoint that takes each one's place in a mirrored picture
    sigmas: tuple[float, ...] = ()  #: constants of OKS
    classes: Mapping[int, str] | None = None


@dataclass(frozen=True)
class _Row:
    place: str  #: file and line, to name it
    class_: int
    values: Floats  #: behind the class


def looks_like_labels(path: Path) -> bool:
    """Whether the first row of a file is of at least five numbers, and not a caption; an empty file may be labels."""
    try:
        with path.open("rb") as file:
            lines = file.read(64 * 1024).decode("utf-8-sig", errors="replace").splitlines()
    except OSError:
        return False
    first = next((line.split() for line in lines if line.strip()), None)
    return first is None or (len(first) >= _BOX and all(_number(token) is not None for token in first[:_BOX]))


def read_text_labels(
    source: Path,
    pictures: Sequence[Path],
    label_of: Callable[[Path], Path | None],
    declared: Declared | None = None,
    wanted: Wanted = None,
    choice: Choice | None = None,
) -> Annotations | None:
    """The labels of pictures. None: they are boxes only, nowhere with keypoints.

    Args:
        source: names the labels as a whole: their folder, or data.yaml.
        label_of: the label file of a picture; None where there is none.
        wanted: the keypoint set that the user named (sets.py).
        choice: between classes, and of what a row leaves open.

    Raises:
        ImageError: a file is unreadable, too big or no label file, or rows contradict one another; names file and line.
    """
    declared, choice = declared or Declared(), choice or Choice()
    rows: dict[Path, list[_Row]] = {}
    left = MAX_ALL_BYTES
    for picture in pictures:
        file = label_of(picture)
        rows[picture] = [] if file is None else _rows(file)
        left -= sum(row.values.nbytes for row in rows[picture])
        if left < 0:
            raise ImageError(f"{source} has more labels than are read.", remedy="Give fewer pictures.")
    kept = {
        picture: _of_class(source, of_picture, choice.category, declared.classes)
        for picture, of_picture in rows.items()
    }
    every = [row for of_picture in kept.values() for row in of_picture]
    if choice.category is not None and not every:
        raise _none_of_class(source, choice.category, rows.values())
    if all(len(row.values) < _BOX for row in every) and declared.keypoints is None:
        return None
    count, dimensions = _shape(source, every, choice, declared)
    categories = _set_of(source, count, declared, wanted)
    [layout] = categories.layouts.values()
    images = tuple(_image(picture, of_picture, layout, dimensions) for picture, of_picture in sorted(kept.items()))
    notes = list(categories.notes)
    classes = {row.class_ for row in every}
    if len(classes) > 1:
        notes.append(f"persons of its {len(classes)} classes are judged together; --pose-category names one.")
    return Annotations(
        images, tuple(f"{source}: {note}" for note in notes), categories.skeleton, are_fractions=True, box_form="centre"
    )


def _rows(path: Path) -> list[_Row]:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ImageError(
                f"{path} has {size} bytes; label files are read up to {MAX_FILE_BYTES}.",
                remedy="Give one label file a picture.",
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}.", remedy="Check the path.") from error
    except UnicodeDecodeError as error:
        raise ImageError(f"{path} is no text file.", remedy=_FORMAT) from error
    lines = enumerate(text.split("\n"), 1)
    return [_row(f"{path}, line {number},", line.split()) for number, line in lines if line.strip()]


def _row(place: str, tokens: Sequence[str]) -> _Row:
    numbers = [_number(token) for token in tokens]
    wrong = next((token for token, number in zip(tokens, numbers, strict=True) if number is None), None)
    if wrong is not None:
        raise ImageError(f"{place} has {shown(wrong)!r}, which is not a usable number.", remedy=_FORMAT)
    values = np.array(numbers, dtype=np.float64)
    if len(values) < _BOX or len(values) > _BOX + 3 * MAX_KEYPOINTS:
        raise ImageError(f"{place} has {len(values)} values, too {_few(values)} for a label.", remedy=_FORMAT)
    if values[0] < 0 or not float(values[0]).is_integer():
        raise ImageError(f"{place} has the class {tokens[0][:40]}, which is no whole number.", remedy=_FORMAT)
    if (values[3:5] < 0).any():
        raise ImageError(f"{place} has a box of negative width or height.", remedy="Correct the label.")
    return _Row(place, int(values[0]), values[1:])


def _few(values: Floats) -> str:
    return "few" if len(values) < _BOX else "many"


def _number(token: str) -> float | None:
    try:
        value = float(token) if "_" not in token else None
    except ValueError:
        return None
    return value if value is not None and abs(value) <= MAX_NUMBER else None


def _of_class(source: Path, rows: list[_Row], wanted: str | None, names: Mapping[int, str] | None) -> list[_Row]:
    """Those of the class that is wanted."""
    unknown = next((row for row in rows if names and row.class_ not in names), None)
    if unknown is not None and names:
        raise ImageError(
            f"{unknown.place} has class {unknown.class_}, but {source} has {len(names)} classes.",
            remedy="Correct the label, or `names` of the data.yaml.",
        )
    if wanted is None:
        return rows
    numbers = [number for number, name in (names or {}).items() if name.casefold() == wanted.casefold()]
    if not numbers and wanted.isdecimal() and len(wanted) < 10:
        numbers = [int(wanted)]
    if not numbers:
        listed = ", ".join(shown(name) for name in [*(names or {}).values()][:6]) or "they have numbers only"
        raise ImageError(f"{source} has no class {shown(wanted)}.", remedy=f"Its classes: {listed}.")
    return [row for row in rows if row.class_ in numbers]


def _none_of_class(source: Path, wanted: str, rows: Iterable[list[_Row]]) -> ImageError:
    used = sorted({row.class_ for of_picture in rows for row in of_picture})
    listed = ", ".join(map(str, used[:6])) + (", ..." if len(used) > 6 else "")
    return ImageError(
        f"{source} has no label of class {shown(wanted)}.",
        remedy=f"Its labels are of class {listed}." if used else "Its label files are empty.",
    )


def _shape(source: Path, rows: Sequence[_Row], choice: Choice, declared: Declared) -> tuple[int, int]:
    """Keypoints of a person, and numbers of a keypoint. Raises ImageError."""
    lengths = {len(row.values) + 1: row for row in rows if len(row.values) + 1 > _BOX}
    count, dimensions = declared.keypoints, declared.dimensions
    if count is not None and dimensions is not None:
        other = next((row for length, row in lengths.items() if length != _BOX + count * dimensions), None)
        if other is not None:
            raise ImageError(
                f"{other.place} has {len(other.values) + 1} values, but kpt_shape [{count}, {dimensions}] of {source} "
                f"makes {_BOX + count * dimensions}.",
                remedy="Correct kpt_shape or the label.",
            )
        return count, dimensions
    if len(lengths) != 1:
        first, second = [*lengths.items()][:2]
        raise ImageError(
            f"{first[1].place} has {first[0]} values, and {second[1].place[:-1]} has {second[0]}: persons have one "
            "number of keypoints; outlines of a segmentation have many.",
            remedy=_FORMAT,
        )
    [(length, row)] = lengths.items()
    found = _way(length - _BOX, [each for each in rows if len(each.values) + 1 == length], choice)
    if found is None:
        what = "an oriented box" if length == _ORIENTED else "no keypoints with visibilities"
        raise ImageError(
            f"{row.place} has {length} values: {what}.",
            remedy=f"{_FORMAT[:-1]}; say kpt_shape in a data.yaml where keypoints have two numbers.",
        )
    return found


def _set_of(source: Path, count: int, declared: Declared, wanted: Wanted) -> Categories:
    """Which keypoints they are, as for a category of a COCO file."""
    mirror = declared.mirror
    if mirror and not declared.names and wanted is None and count in USUAL and mirror != usual(count).mirror:
        raise ImageError(
            f"{source} has a `flip_idx` of other {count} keypoints than {usual(count).name}, and does not name them.",
            remedy="Name them with `kpt_names`, or say which they are with --pose-skeleton.",
        )
    category = {"id": 0, "keypoints": list(declared.names) or [str(number) for number in range(count)]}
    if declared.sigmas:
        category["kpt_oks_sigmas"] = list(declared.sigmas)
    found = read_categories(source, [category], [], wanted, Choice(keypoints=lambda: count))
    is_known = skeleton_of(len(found.skeleton.names)) is not None or declared.names
    return found if is_known or not mirror else replace(found, skeleton=replace(found.skeleton, mirror=mirror))


def _way(values: int, rows: Sequence[_Row], choice: Choice) -> tuple[int, int] | None:
    """How many keypoints of how many numbers so many values are: of three where every third is a visibility, of two
    where the network has as many (results, with scores behind them, may have any number)."""
    has_third = values % 3 == 0
    is_seen = has_third and bool(np.isin(np.concatenate([row.values[6::3] for row in rows]), (0, 1, 2)).all())
    if values % 2 == 0 and choice.keypoints() == values // 2:
        return values // 2, 2
    return (values // 3, 3) if is_seen or (has_third and values % 2) else None


def _image(picture: Path, rows: Sequence[_Row], layout: Layout, dimensions: int) -> LabelledImage:
    findings: Findings = Counter()
    persons: list[Person] = []
    seen: set[object] = set()
    for row in rows:
        person = _person(row, layout, dimensions, findings)
        if person.is_labelled and person.key in seen:
            findings[Kind.SAME_PERSON] += 1
            continue
        seen.add(person.key)
        persons.append(person)
        findings[Kind.NO_AREA] += person.is_labelled and person.is_empty
    return LabelledImage(picture.name, None, truth_of(persons, len(layout.rows)), findings, picture)


def _person(row: _Row, layout: Layout, dimensions: int, findings: Findings) -> Person:
    x, y, width, height = (float(value) for value in row.values[:4])
    points = np.zeros((layout.count, 3))
    if len(row.values) >= _BOX:
        points = row.values[4:].reshape(layout.count, dimensions)
        if dimensions == 2:
            points = with_visibility(points)
            findings[Kind.ZERO_PAIRS] += bool((points[:, 2] == 0).any())
            points[(points[:, :2] < 0).any(axis=1)] = 0
        elif not np.isin(points[:, 2], (0, 1, 2)).all():
            other = points[~np.isin(points[:, 2], (0, 1, 2)), 2][0]
            raise ImageError(
                f"{row.place} has a visibility other than 0 (not labelled), 1 (hidden) and 2 (visible): {other:g}.",
                remedy="A score of a prediction is no visibility: give labels, not results, and write 0, 1 or 2.",
            )
        invisible = not points[:, 2].any() and bool(points[:, :2].any())
        findings[Kind.ALL_INVISIBLE] += invisible
    else:
        findings[Kind.NO_KEYPOINTS] += 1
    return Person(points[list(layout.rows)], (x - width / 2, y - height / 2, width, height))
