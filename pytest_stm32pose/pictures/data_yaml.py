"""ultralytics' data.yaml: which pictures a data set has, and what its labels hold. Nothing is fetched, nothing is run.

Format: docs.ultralytics.com/datasets/pose. Keys that are read: path, train, val, test, names, nc, kpt_shape,
kpt_names, flip_idx, kpt_oks_sigmas.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.fields import MAX_KEYPOINTS, shown
from pytest_stm32pose.pictures.annotations.yolo_text import Declared
from pytest_stm32pose.pictures.places import SUFFIXES
from pytest_stm32pose.yaml_file import read_yaml

#: The parts of a data set, the one to judge a network by first, with the names that tools give them.
SPLITS = ("val", "validation", "valid", "test", "train")
_VALIDATION = SPLITS[:3]
#: More files than any data set of pictures for a microcontroller: a wrong `path` must not walk through a disk.
_MAX_FILES = 400_000
_MAX_LIST_BYTES = 64 * 1024 * 1024
_MAX_CLASSES = 10_000
_REMEDY = "See docs.ultralytics.com/datasets/pose."


@dataclass(frozen=True)
class DataSet:
    """The pictures of one part of a data set, and what is declared of their labels."""

    pictures: tuple[Path, ...]
    declared: Declared
    notes: tuple[str, ...]  #: without the name of the file


def is_data_yaml(path: Path) -> bool:
    """Whether a YAML file names pictures as ultralytics does."""
    try:
        return any(split in read_yaml(path, ImageError) for split in SPLITS)
    except ImageError:
        return False


def read_data_yaml(path: Path, root: Path | None = None) -> DataSet:
    """The validation pictures of a data.yaml; where it names none, those for tests, else for training.

    Args:
        root: the data set's folder, in the place of its `path`.

    Raises:
        ImageError: it cannot be read, a key is wrong, or its pictures are not there.
    """
    document = read_yaml(path, ImageError)
    given = [split for split in SPLITS if document.get(split)]
    if not given:
        raise ImageError(f"{path} names no pictures: neither `val` nor `test` nor `train`.", remedy=_REMEDY)
    named = document[given[0]]
    entries = [entry for entry in (named if isinstance(named, list) else [named]) if isinstance(entry, str) and entry]
    if not entries or (isinstance(named, list) and len(entries) != len(named)) or any("\0" in each for each in entries):
        raise ImageError(f"{path} has {shown(named)} in `{given[0]}`, which is no path.", remedy=_REMEDY)
    roots = [root] if root is not None else _roots(path, document.get("path"))
    pictures = list(dict.fromkeys(picture for entry in entries for picture in _pictures(path, entry, roots)))
    if not pictures:
        raise ImageError(f"{path}: {given[0]} ({shown(named)}) holds no pictures.", remedy="Put them there.")
    note = () if given[0] in _VALIDATION else (f"it names no validation pictures; those of `{given[0]}` are used.",)
    return DataSet(tuple(sorted(pictures)), read_declared(path, document), note)


def _roots(path: Path, given: object) -> list[Path]:
    """Where relative paths may begin; ultralytics begins at the working folder, and in its folder of data sets."""
    beside = path.absolute().parent
    if given is None or given == "":
        return [beside]
    if not isinstance(given, str) or "\0" in given:
        raise ImageError(f"{path} has {shown(given)} in `path`, which is no path.", remedy=_REMEDY)
    named = Path(given).expanduser() if given.startswith("~/") else Path(given)
    return [beside / named, named.absolute(), beside.parent / "datasets" / named, beside]


def _pictures(path: Path, entry: str, roots: Sequence[Path]) -> Iterator[Path]:
    """Of a folder, a list, or one file."""
    # Roboflow writes ../valid/images of a folder that lies beside the file.
    forms = [entry, entry.removeprefix("../")]
    places = [root / form for root in roots for form in forms]
    there = next((place for place in places if place.exists()), None)
    if there is None:
        raise ImageError(
            f"{path} names {shown(entry)}, and there is no {places[0]}.",
            remedy="Fetch the data set first (`download` is not run), or name its folder with --pose-images-root.",
        )
    if there.is_dir():
        yield from pictures_below(there)
    elif there.suffix.lower() == ".txt":
        yield from listed_pictures(there)
    else:
        yield there


def pictures_below(folder: Path) -> Iterator[Path]:
    """All pictures in a folder and below it. Raises ImageError: too many files."""
    count = 0
    for parent, folders, files in os.walk(folder):
        folders.sort()
        count += len(files)
        if count > _MAX_FILES:
            raise ImageError(f"{folder} holds more than {_MAX_FILES} files.", remedy="Name the folder of the pictures.")
        yield from (Path(parent, name) for name in sorted(files) if Path(name).suffix.lower() in SUFFIXES)


def listed_pictures(path: Path) -> list[Path]:
    """The pictures that a text file lists, one a line; `./` and other relative paths begin beside the file.

    Raises:
        ImageError: it cannot be read, or a picture is missing.
    """
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            raise ImageError(f"{path} has more than {_MAX_LIST_BYTES} bytes.", remedy="Give a shorter list.")
        lines = [line.strip() for line in path.read_bytes().decode("utf-8-sig").splitlines()]
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}.", remedy="Check the path.") from error
    except UnicodeDecodeError as error:
        raise ImageError(f"{path} is no text file.", remedy="Give one picture a line.") from error
    pictures = [path.parent / line.replace("\\", "/") for line in lines if line]
    for picture in pictures:
        if "\0" in str(picture) or picture.suffix.lower() not in SUFFIXES or not picture.is_file():
            raise ImageError(
                f"{path} lists {shown(str(picture))}, which is no picture that is there.", remedy="Correct the list."
            )
    return pictures


def read_declared(path: Path, document: Mapping[object, object] | None = None) -> Declared:
    """What a data.yaml says of its labels. Raises ImageError: a key is wrong."""
    if document is None:
        document = read_yaml(path, ImageError)
    classes = _classes(path, document)
    shape = document.get("kpt_shape")
    if shape is None:
        return Declared(classes=classes)
    if not isinstance(shape, list) or len(shape) != 2 or not all(type(value) is int for value in shape):
        raise ImageError(f"{path} has {shown(shape)} in `kpt_shape`, which is not [keypoints, 2 or 3].", remedy=_REMEDY)
    count, dimensions = shape
    if not 1 <= count <= MAX_KEYPOINTS or dimensions not in (2, 3):
        raise ImageError(f"{path} has {shown(shape)} in `kpt_shape`, which is not [keypoints, 2 or 3].", remedy=_REMEDY)
    names, mirror = _names(path, document, count), _mirror(path, document, count)
    return Declared(count, dimensions, names, mirror, _sigmas(path, document, count), classes)


def _classes(path: Path, document: Mapping[object, object]) -> dict[int, str] | None:
    names, count = document.get("names"), document.get("nc")
    if names is None:
        return {each: str(each) for each in range(count)} if type(count) is int and count <= _MAX_CLASSES else None
    pairs = dict(enumerate(names)) if isinstance(names, list) else names
    if isinstance(pairs, dict) and 0 < len(pairs) <= _MAX_CLASSES:
        found = {key: str(name) for key, name in pairs.items() if type(key) is int and isinstance(name, str | int)}
        if len(found) == len(pairs):
            return found
    raise ImageError(f"{path} has no names of classes in `names`.", remedy=_REMEDY)


def _names(path: Path, document: Mapping[object, object], count: int) -> tuple[str, ...]:
    """Of the keypoints: of all classes alike, else none (a class of its own would need rows of its own)."""
    given = document.get("kpt_names") or document.get("keypoint_names")
    if not given:
        return ()
    found: set[tuple[str, ...]] = set()
    for names in list(given.values()) if isinstance(given, dict) else [given]:
        texts = [str(name) for name in names if isinstance(name, str | int)] if isinstance(names, list) else []
        if len(texts) != count or not isinstance(names, list) or len(names) != count:
            raise ImageError(f"{path} has not {count} names in `kpt_names`.", remedy=_REMEDY)
        found.add(tuple(texts))
    return found.pop() if len(found) == 1 else ()


def _mirror(path: Path, document: Mapping[object, object], count: int) -> tuple[int, ...]:
    given = document.get("flip_idx")
    if not given:
        return ()
    if not isinstance(given, list) or not all(type(each) is int for each in given):
        raise ImageError(f"{path} has {shown(given)} in `flip_idx`, which are no numbers.", remedy=_REMEDY)
    if sorted(given) != list(range(count)):
        raise ImageError(f"{path} has not each of its {count} keypoints once in `flip_idx`.", remedy=_REMEDY)
    return tuple(given)


def _sigmas(path: Path, document: Mapping[object, object], count: int) -> tuple[float, ...]:
    given = document.get("kpt_oks_sigmas")
    if not given:
        return ()
    numbers = [each for each in given if type(each) in (int, float)] if isinstance(given, list) else []
    if len(numbers) != count or not all(0 < each <= 1e6 and math.isfinite(each) for each in numbers):
        raise ImageError(f"{path} has not {count} numbers above 0 in `kpt_oks_sigmas`.", remedy=_REMEDY)
    return tuple(map(float, numbers))
