"""Where the pictures that a label file names are: in which folders, and how their names are spelt there."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.pictures.annotations.file_names import spellings

#: Of picture files.
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".avif", ".tif", ".tiff", ".ppm", ".pgm", ".jpe", ".jfif"}
)
#: How a picture was found.
Found = Literal["named", "spelt", "address"]


class PictureFinder:
    """Finds the pictures of a label file, also when spelt otherwise: backslashes, capitals, accents, URLs."""

    def __init__(self, labels: Path, folders: Sequence[Path]) -> None:
        """Args: folders: where to look, in this order; the first is the one that the user thinks of."""
        self._labels = labels
        self._folders = tuple(folders)
        self._spellings: dict[Path, dict[str, list[Path]]] = {}

    def of(self, name: str, others: Sequence[str] = ()) -> tuple[Path, Found]:
        """The file of that name, or of one of its other names.

        Raises:
            ImageError: it is in none of the folders.
        """
        found = self.find(name, others)
        if found is None:
            rest = ", ".join(str(folder) for folder in self._folders[1:])
            where = (
                f"neither beside it nor in {rest}"
                if self._folders[0] == self._labels.parent and rest
                else (f"not in {', '.join(str(folder) for folder in self._folders)}")
            )
            raise ImageError(
                f"{self._labels} lists {name}, which is {where}.",
                remedy="Put the image there or remove its entry.",
            )
        return found

    def is_in(self, folder: Path, name: str, others: Sequence[str] = ()) -> bool:
        """Whether the file of that name is there, and below a folder."""
        found = self.find(name, others)
        return found is not None and found[0].absolute().is_relative_to(folder.absolute())

    def find(self, name: str, others: Sequence[str] = ()) -> tuple[Path, Found] | None:
        """The same; None when it is in none of the folders."""
        for each in (name, *others):
            found = self._find(each)
            if found is not None:
                return found, _how(each, name, found)
        return None

    def _find(self, name: str) -> Path | None:
        forms = list(spellings(name))
        there = (folder / form for form in forms for folder in self._folders if _is_file(folder / form))
        return next(there, None) or next(
            (found for form in forms for folder in self._folders if (found := self._alike(folder, form))), None
        )

    def _alike(self, folder: Path, name: str) -> Path | None:
        """The one file below a folder whose path is spelt alike."""
        place = folder
        for step in name.split("/"):
            alike = self._listed(place).get(_spelling(step), [])
            if len(alike) != 1:
                return None
            place = alike[0]
        return place if _is_file(place) else None

    def _listed(self, folder: Path) -> dict[str, list[Path]]:
        """What a folder holds, by spelling; read once."""
        if folder not in self._spellings:
            by_spelling = self._spellings[folder] = {}
            for each in _held(folder):
                by_spelling.setdefault(_spelling(each.name), []).append(each)
        return self._spellings[folder]


def _how(used: str, name: str, file: Path) -> Found:
    if file.as_posix().endswith(name):
        return "named"
    asked, there = (_spelling(unquote(each.replace("\\", "/"))) for each in (used, file.as_posix()))
    return "spelt" if used == name and there.endswith(asked) else "address"


def _is_file(place: Path) -> bool:
    try:
        return place.is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False


def _held(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (OSError, ValueError):  # no folder
        return []


def _spelling(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def folders_of(labels: Path, root: Path | None = None) -> tuple[Path, ...]:
    """Where the pictures of a label file lie.

    Beside it or in `images/`; of one in `annotations/`, as COCO and CVAT keep it, also beside that folder, in the part
    of the data that the file is called after (`..._val2017.json`).

    Args:
        root: the folder of pictures as the user says; then below it and nowhere else.
    """
    folder, part = labels.absolute().parent, labels.stem.split("_")[-1]
    if root is not None:
        return (root, root / part, root / "images" / part, root / "images")
    beside = (labels.parent, labels.parent / "images")
    if folder.name != "annotations":
        return (*beside, labels.parent / part, labels.parent / "images" / part)
    return (*beside, folder.parent / part, folder.parent / "images" / part, folder.parent / "images")


def pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder, in order of their names."""
    return sorted(file for file in _held(folder) if file.suffix.lower() in SUFFIXES and file.is_file())
