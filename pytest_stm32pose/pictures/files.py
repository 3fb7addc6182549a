"""Test pictures: a folder of images, or COCO keypoint annotations beside their images.

Pictures are decoded on access, one at a time, so that hundreds cost no memory. Labels are compared with the picture
files when they are loaded, without decoding, so that what contradicts is known before a board is taken.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.keypoints import set_of
from pytest_stm32pose.pictures.annotations.notes import Findings, Kind, sentences
from pytest_stm32pose.pictures.annotations.placing import placed
from pytest_stm32pose.pictures.annotations.reading import Annotations, LabelledImage, read_annotations
from pytest_stm32pose.pictures.annotations.sets import Wanted
from pytest_stm32pose.pictures.annotations.unread import annotation_files, unread_labels
from pytest_stm32pose.pictures.decoders import check_tensorflow
from pytest_stm32pose.pictures.reading import read_picture, read_raster
from pytest_stm32pose.preprocessing import Decoder
from pytest_stm32pose.types import Picture, Skeleton, Truth

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
_ANNOTATION_NAMES = ("person_keypoints*.json", "keypoints.json")


class PictureSequence(Sequence[Picture]):
    """Pictures in order of their file names, decoded each time they are accessed.

    `ids` are unique and known without decoding. `notes`: one sentence for each kind of thing that was left out, or
    found and settled, in the labels.
    """

    def __init__(
        self,
        entries: Sequence[tuple[str, Path, Truth | None]],
        notes: Sequence[str] = (),
        annotated_keypoints: int | None = None,
        jpeg: Decoder = "pillow",
    ) -> None:
        self._entries = tuple(entries)
        self.notes = tuple(notes)
        #: Keypoints of a person in the annotation file, also those that are not used; None without one.
        self.annotated_keypoints = annotated_keypoints
        self._jpeg = jpeg

    def decoded_by(self, jpeg: Decoder) -> PictureSequence:
        """The same pictures, JPEG files read by this decoder. Raises ConfigError: it is not installed."""
        if jpeg == "tensorflow":
            check_tensorflow()
        return PictureSequence(self._entries, self.notes, self.annotated_keypoints, jpeg)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(identifier for identifier, _, _ in self._entries)

    @property
    def label_keypoints(self) -> int | None:
        """Keypoints of a labelled person; None for pictures without labels."""
        return next((truth.keypoints_px.shape[1] for _, _, truth in self._entries if truth is not None), None)

    @property
    def label_skeleton(self) -> Skeleton | None:
        """Which keypoints are labelled; None for pictures without labels."""
        return next((set_of(truth) for _, _, truth in self._entries if truth is not None), None)

    def pixels_of(self, identifier: str) -> NDArray[np.uint8] | None:
        """A picture's pixels, uint8 [height, width, 3]; None when it is not one of these or cannot be read any more."""
        entry = next((listed for listed in self._entries if listed[0] == identifier), None)
        try:
            return None if entry is None else read_picture(entry[1], identifier, entry[2], self._jpeg).pixels
        except ImageError:
            return None

    def verify(self) -> None:
        """Opens every picture without decoding its pixels.

        Raises:
            ImageError: one is missing, is no image, or is too big.
        """
        for _, path, _ in self._entries:
            read_raster(path)

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> PictureSequence: ...
    def __getitem__(self, index: int | slice) -> Picture | PictureSequence:
        if isinstance(index, slice):
            return PictureSequence(self._entries[index], self.notes, self.annotated_keypoints, self._jpeg)
        identifier, path, truth = self._entries[index]
        return read_picture(path, identifier, truth, self._jpeg)

    def __iter__(self) -> Iterator[Picture]:
        for identifier, path, truth in self._entries:
            yield read_picture(path, identifier, truth, self._jpeg)


def load_pictures(path: str | Path, max_images: int | None = None, wanted: Wanted = None) -> PictureSequence:
    """The pictures of a folder or of an annotation file, at most `max_images`, in order of their file names.

    A folder that holds `person_keypoints*.json` or `keypoints.json` is labelled by it; its images lie beside the file
    or in `images/`, those of a file in `annotations/` also beside that folder (`_folders_of`). Of labelled pictures,
    those without any labelled person are left out. What was left out or settled is in `notes`.

    Args:
        wanted: the keypoint set that the user named (annotations/sets.py); None: as the file says.

    Raises:
        ImageError: nothing there, no image in it, a listed image missing, annotations broken, `max_images` below 1.
    """
    source = Path(path)
    if max_images is not None and max_images < 1:
        raise ImageError(f"At most {max_images} pictures were asked for; at least 1 is needed.")
    if source.is_dir():
        annotations = _annotations_in(source)
        if annotations:
            return _from_annotations(annotations, max_images, wanted)
        return _from_folder(source, max_images)
    if not source.exists():
        raise ImageError(f"{source} does not exist.", remedy="Name a folder of images or a COCO keypoint JSON file.")
    if source.suffix.lower() == ".json":
        return _from_annotations(source, max_images, wanted)
    return PictureSequence([(source.stem, source, None)])


def _annotations_in(folder: Path) -> Path | None:
    files = sorted({file for pattern in _ANNOTATION_NAMES for file in folder.glob(pattern)})
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise ImageError(f"{folder} holds several annotation files ({names}).", remedy="Name the one to use.")
    return files[0] if files else None


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())


def _from_folder(folder: Path, max_images: int | None) -> PictureSequence:
    files = _pictures_in(folder)
    if not files:
        others = ", ".join(str(file) for file in annotation_files(folder))
        raise ImageError(
            f"{folder} holds no images ({', '.join(sorted(SUFFIXES))}) and no keypoint annotations"
            + (f" that are found by name, but {others}." if others else "."),
            remedy="Name a folder of images or a COCO keypoint JSON file that lies beside its images.",
        )
    chosen = files[:max_images]
    entries = [(name, file, None) for name, file in zip(_unique_ids(chosen), chosen, strict=True)]
    return PictureSequence(entries, unread_labels(folder, files))


def _from_annotations(path: Path, max_images: int | None, wanted: Wanted) -> PictureSequence:
    annotations = read_annotations(path, wanted)
    with_person = [image for image in annotations.images if image.has_person]
    if not with_person:
        raise _no_person(path, annotations)
    chosen = with_person[:max_images]
    pictures = _Files(path)
    files = [pictures.of(image.file_name) for image in chosen]
    again = next((file for file, count in Counter(files).items() if count > 1), None)
    if again:
        raise ImageError(f"{path} lists {again} under several names.", remedy="Keep one entry for each picture.")
    truths, findings = placed(str(path), chosen, [read_raster(file) for file in files])
    for image, file, own in zip(chosen, files, findings, strict=True):
        own[Kind.OTHER_SPELLING] += not file.as_posix().endswith(image.file_name)
    notes = [
        *annotations.notes,
        *_left_out(path, annotations, with_person),
        *sentences(str(path), zip((image.file_name for image in chosen), findings, strict=True)),
    ]
    told = [replace(truth, skeleton=annotations.skeleton) for truth in truths]
    return PictureSequence(list(zip(_unique_ids(files), files, told, strict=True)), notes, annotations.keypoints)


def _no_person(path: Path, annotations: Annotations) -> ImageError:
    findings = sum((image.findings for image in annotations.images), Findings())
    why = {
        Kind.ALL_INVISIBLE: "all keypoints have visibility 0, which means not labelled",
        Kind.NO_KEYPOINTS: "its persons have boxes only",
        Kind.OTHER_CATEGORY: "its annotations are of categories without a known keypoint set",
    }
    because = next((f": {text}" for kind, text in why.items() if findings[kind]), "")
    return ImageError(
        f"{path} labels no person's keypoints in any of its {len(annotations.images)} images{because}.",
        remedy="Use person keypoint annotations.",
    )


def _left_out(path: Path, annotations: Annotations, kept: Sequence[LabelledImage]) -> Iterator[str]:
    """Of pictures that the file lists and no person is labelled in."""
    names = {image.file_name for image in kept}
    left_out = [image for image in annotations.images if image.file_name not in names]
    if left_out:
        invisible = sum(image.findings[Kind.ALL_INVISIBLE] > 0 for image in left_out)
        yield (
            f"{len(left_out)} of {len(annotations.images)} pictures of {path} left out: no labelled person"
            + (f" (in {invisible} of them all keypoints have visibility 0)." if invisible else ".")
        )


class _Files:
    """Finds the pictures of an annotation file, also when spelt otherwise: backslashes, capitals, accents."""

    def __init__(self, annotations: Path) -> None:
        self._annotations = annotations
        self._folders = _folders_of(annotations)
        self._spellings: dict[Path, dict[str, list[Path]]] = {}

    def of(self, name: str) -> Path:
        """The file of that name. Raises ImageError when it is in none of the folders."""
        places = [folder / spelling for folder in self._folders for spelling in (name, name.replace("\\", "/"))]
        there = next((place for place in places if place.is_file()), None)
        if there is not None:
            return there
        for place in places:
            alike = self._listed(place.parent).get(_spelling(place), [])
            if len(alike) == 1:
                return alike[0]
        raise ImageError(
            f"{self._annotations} lists {name}, which is neither beside it nor in "
            f"{', '.join(str(folder) for folder in self._folders[1:])}.",
            remedy="Put the image there or remove its entry.",
        )

    def _listed(self, folder: Path) -> dict[str, list[Path]]:
        """The files of a folder by spelling, read once."""
        if folder not in self._spellings:
            by_spelling = self._spellings[folder] = {}
            for file in folder.iterdir() if folder.is_dir() else ():
                if file.is_file():
                    by_spelling.setdefault(_spelling(file), []).append(file)
        return self._spellings[folder]


def _folders_of(annotations: Path) -> tuple[Path, ...]:
    """Where the pictures of an annotation file lie: beside it or in `images/`; of one in `annotations/`, as COCO and
    CVAT keep it, beside that folder, in the part of the data that the file is called after (`..._val2017.json`)."""
    beside = (annotations.parent, annotations.parent / "images")
    folder, part = annotations.absolute().parent, annotations.stem.split("_")[-1]
    if folder.name != "annotations":
        return beside
    return (*beside, folder.parent / part, folder.parent / "images" / part, folder.parent / "images")


def _spelling(file: Path) -> str:
    return unicodedata.normalize("NFC", file.name).casefold()


def _unique_ids(files: Sequence[Path]) -> list[str]:
    """File names without suffix where that is unique, otherwise with it and, if need be, with a number."""
    stems = Counter(file.stem for file in files)
    unique: dict[str, None] = {}
    for file in files:
        name = file.stem if stems[file.stem] == 1 else file.name
        candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        unique[next(candidate for candidate in candidates if candidate not in unique)] = None
    return list(unique)
