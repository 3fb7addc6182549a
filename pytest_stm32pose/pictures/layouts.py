"""Where the labels of a path are: the usual layouts of data sets, found by the names of files and folders.

COCO: `annotations/person_keypoints_val2017.json` beside `val2017/`; CVAT: the same beside `images/default/`; Roboflow:
`_annotations.coco.json` in the folder of each part; Label Studio: `result.json` beside `images/`; YOLO: `labels/`
beside `images/`, or text files beside their pictures, with or without a `data.yaml`. The root of a data set, its
label file and its folder of pictures name the same. Of several parts that for validation is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.file_names import is_name
from pytest_stm32pose.pictures.annotations.label_studio import is_label_studio
from pytest_stm32pose.pictures.annotations.reading import read_json
from pytest_stm32pose.pictures.annotations.yolo_text import Declared, looks_like_labels
from pytest_stm32pose.pictures.data_yaml import SPLITS, is_data_yaml, pictures_below, read_data_yaml, read_declared
from pytest_stm32pose.pictures.places import PictureFinder, folders_of, pictures_in

#: Names that only keypoint files have: one of these is read, or refused.
_KEYPOINT_FILES = ("person_keypoints*.json", "keypoints.json")
#: Names of label files of any kind: one of these is read where it holds keypoints.
_LABEL_FILES = ("_annotations.coco.json", "result.json", "annotations.json", "labels.json", "coco*.json", "*.json")
#: So many files of a folder are looked into, to see whether they are labels.
_MAX_TRIED = 4


@dataclass(frozen=True)
class JsonLabels:
    """A JSON file, and the folders where its pictures are looked for."""

    file: Path
    folders: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    document: object = None  #: where it was read to see what it is
    of_folder: Path | None = None  #: the user named this folder: pictures elsewhere are left out


@dataclass(frozen=True)
class TextLabels:
    """YOLO's text labels of these pictures."""

    source: Path  #: names them all
    pictures: tuple[Path, ...]
    label_of: Callable[[Path], Path | None]
    declared: Declared = field(default_factory=Declared)
    notes: tuple[str, ...] = ()


Labels = JsonLabels | TextLabels
_Some = TypeVar("_Some", bound=Labels)


def labels_of(path: Path, root: Path | None = None) -> Labels | None:
    """Where the labels of a folder or of a file are; None for pictures without any.

    Args:
        root: the folder of the pictures, where the user says it.

    Raises:
        ImageError: several label files, and none of them is for validation; or a data.yaml is wrong.
    """
    if path.is_dir():
        return _of_folder(path, root)
    suffix = path.suffix.lower()
    if suffix == ".json":
        return JsonLabels(path, folders_of(path, root))
    return _of_yaml(path, root) if suffix in (".yaml", ".yml") else None


def _of_folder(folder: Path, root: Path | None) -> Labels | None:
    pictures = pictures_in(folder)
    named = _conventional(folder, root)
    if named is not None:
        return named
    if not pictures:
        ways: tuple[Callable[[], Labels | None], ...] = (
            lambda: next((_of_yaml(file, root) for file in _yaml_files(folder)), None),
            lambda: _conventional(folder / "annotations", root),
            lambda: _in_parts(folder, root),
            lambda: _text_below(folder, root),
            lambda: _likely(folder, (), root),
            lambda: _likely(folder / "annotations", (), root),
        )
        return next((found for way in ways if (found := way()) is not None), None)
    return _likely(folder, pictures, root) or _elsewhere(folder) or _text_of(folder, pictures)


def _of_yaml(path: Path, root: Path | None) -> TextLabels:
    data = read_data_yaml(path, root)
    notes = tuple(f"{path}: {note}" for note in data.notes)
    return TextLabels(path, data.pictures, text_label, data.declared, notes)


def _yaml_files(folder: Path) -> list[Path]:
    files = [file for pattern in ("*.yaml", "*.yml") for file in sorted(folder.glob(pattern)) if file.is_file()]
    named = [file for file in files if file.stem == "data"]
    return [file for file in named or files[:_MAX_TRIED] if file.stem == "data" or is_data_yaml(file)]


# --- JSON ---


def _conventional(folder: Path, root: Path | None) -> JsonLabels | None:
    """The keypoint file of a folder, by its name. Raises ImageError: several, for the same pictures."""
    return _one_of(folder, dict.fromkeys(_files(folder, _KEYPOINT_FILES)), root)


def _one_of(folder: Path, files: Mapping[Path, object], root: Path | None) -> JsonLabels | None:
    """The one label file; of several, that whose pictures are there, or that of the part for validation.

    Args:
        files: with their documents, where they were read.
    """
    if len(files) <= 1:
        return next((JsonLabels(file, folders_of(file, root), (), content) for file, content in files.items()), None)
    names = ", ".join(file.name for file in files)
    there = [file for file in files if any(place.name == _part(file) and place.is_dir() for place in folders_of(file))]
    chosen = _validation(there) if len(there) > 1 else there
    if len(chosen) != 1:
        raise ImageError(f"{folder} holds several annotation files ({names}).", remedy="Name the one to use.")
    note = f"{folder} holds several annotation files ({names}); {chosen[0].name} is used."
    return JsonLabels(chosen[0], folders_of(chosen[0], root), (note,), files[chosen[0]])


def _part(file: Path) -> str:
    """`val2017` of person_keypoints_val2017.json."""
    return file.stem.split("_")[-1]


def _validation(files: Sequence[Path]) -> list[Path]:
    return [file for file in files if "val" in _part(file).lower()]


def _files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Of the folder, in the order of the patterns and of their names."""
    found = (file for pattern in patterns for file in sorted(folder.glob(pattern)) if file.is_file())
    return list(dict.fromkeys(found))


def _likely(folder: Path, pictures: Sequence[Path], root: Path | None) -> JsonLabels | None:
    """The one JSON file of a folder that turns out to hold labels of several pictures."""
    stems = {picture.stem for picture in pictures}
    files = [file for file in _files(folder, _LABEL_FILES) if file.stem not in stems]
    documents = {file: document for file in files[:_MAX_TRIED] if (document := _labels_in(file)) is not None}
    return _one_of(folder, documents, root)


def _labels_in(file: Path) -> object | None:
    """The document of a file that holds labels with keypoints; None for another one."""
    try:
        document = read_json(file)
    except ImageError:
        return None
    if is_label_studio(document):
        return document
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        return None
    annotations = document.get("annotations")
    some = isinstance(annotations, list) and any(
        isinstance(each, dict) and each.get("keypoints") for each in annotations
    )
    return document if some else None


def _in_parts(folder: Path, root: Path | None) -> JsonLabels | None:
    """Of a data set whose parts are folders with labels of their own, as Roboflow keeps them."""
    parts = {split: found for split in SPLITS if (found := _of_part(folder / split, root)) is not None}
    return _first_part(folder, parts)


def _first_part(folder: Path, parts: Mapping[str, _Some]) -> _Some | None:
    """The part to judge by, and a note where there was a choice."""
    for split, part in parts.items():
        note = f"{folder} has several parts ({', '.join(parts)}); {split} is used."
        return replace(part, notes=(note, *part.notes)) if len(parts) > 1 else part
    return None


def _of_part(folder: Path, root: Path | None) -> JsonLabels | None:
    if not folder.is_dir():
        return None
    return _conventional(folder, root) or _likely(folder, pictures_in(folder), root)


def _elsewhere(folder: Path) -> JsonLabels | None:
    """The label file of a folder of pictures that lies outside of it, by its name, and only if it lists one of them."""
    name = folder.absolute().name
    parents = folder.absolute().parent, folder.absolute().parent.parent
    for place in (*(parent / "annotations" for parent in parents), parents[0]):
        files = _files(place, _KEYPOINT_FILES if place == parents[0] else (*_KEYPOINT_FILES, "*.json"))
        fitting = [file for file in files if _part(file).casefold() == name.casefold()]
        if not fitting and name in ("images", "data"):
            fitting = _files(place, (*_KEYPOINT_FILES, "result.json"))
        for file in fitting[:_MAX_TRIED]:
            document = _labels_in(file)
            folders = (folder, *folders_of(file))
            if document is not None and _lists_any(document, PictureFinder(file, folders), folder):
                return JsonLabels(file, folders, document=document, of_folder=folder)
    return None


def _lists_any(document: object, finder: PictureFinder, folder: Path) -> bool:
    entries = document.get("images", ()) if isinstance(document, dict) else document
    return any(is_name(text) and finder.is_in(folder, text) for entry in _objects(entries) for text in _texts(entry))


def _objects(entries: object) -> Iterator[dict[str, object]]:
    yield from (entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()


def _texts(entry: dict[str, object]) -> Iterator[str]:
    inner = entry.get("data")
    yield from (value for value in entry.values() if isinstance(value, str))
    yield from (value for value in inner.values() if isinstance(value, str)) if isinstance(inner, dict) else ()


# --- YOLO's text labels ---


def text_label(picture: Path) -> Path | None:
    """The label file of a picture: in `labels` where it is in `images`, or beside it."""
    steps = list(picture.parts[:-1])
    places = [picture.parent]
    if "images" in steps:
        last = len(steps) - 1 - steps[::-1].index("images")
        places.insert(0, Path(*steps[:last], "labels", *steps[last + 1 :]))
    names = [f"{picture.stem}.txt", f"{picture.stem}.TXT"]
    return next((place / name for place in places for name in names if (place / name).is_file()), None)


def _text_of(folder: Path, pictures: Sequence[Path]) -> TextLabels | None:
    """Of a folder of pictures, where text files are called as they are and look like labels."""
    placed = [picture.absolute() for picture in pictures]
    files = [file for picture in placed if (file := text_label(picture)) is not None]
    if not files or not all(looks_like_labels(file) for file in (files[0], files[-1])):
        return None
    if not any(file.stat().st_size for file in files):
        return None
    around = [folder.absolute(), *folder.absolute().parents[:3]]
    declared = next((read_declared(file) for parent in around for file in _yaml_files(parent)), Declared())
    return TextLabels(folder, tuple(pictures), lambda picture: text_label(picture.absolute()), declared)


def _text_below(folder: Path, root: Path | None) -> TextLabels | None:
    """Of a data set without data.yaml: `images/` with or without parts, or a folder of label files whose pictures the
    user named."""
    if (paired := _paired(folder, root)) is not None:
        return paired
    parts: dict[str, TextLabels] = {}
    for split in SPLITS:
        places = (folder / "images" / split, folder / split / "images", folder / split)
        found = (labels for place in places if (labels := _text_of(place, pictures_in(place))) is not None)
        labelled = next(found, None)
        if labelled is not None:
            parts[split] = labelled
    images = folder / "images"
    return _first_part(folder, parts) or _text_of(images, pictures_in(images))


def _paired(folder: Path, root: Path | None) -> TextLabels | None:
    """Of a folder of label files, with or without folders in it, and one of pictures: that which the user named, else
    the one in `images` where this is in `labels`. Other text files (classes.txt) are called like no picture."""
    root = root or _pictures_of(folder.absolute())
    if root is None:
        return None
    pictures = tuple(pictures_below(root))
    for place in (folder, folder / "labels"):
        files = [file for picture in pictures if (file := _beside(place, picture, root)) is not None]
        if files and all(looks_like_labels(file) for file in (files[0], files[-1])):
            return TextLabels(folder, pictures, partial(_beside, place, root=root))
    return None


def _pictures_of(labels: Path) -> Path | None:
    """The folder of pictures that belongs to a folder of label files in `labels`."""
    steps = list(labels.parts)
    if "labels" not in steps:
        return None
    last = len(steps) - 1 - steps[::-1].index("labels")
    place = Path(*steps[:last], "images", *steps[last + 1 :])
    return place if place.is_dir() else None


def _beside(labels: Path, picture: Path, root: Path) -> Path | None:
    place = labels / picture.relative_to(root).with_suffix(".txt")
    return place if place.is_file() else None
