"""Test pictures: a folder of images, or labels in one of the usual formats and layouts with their images.

Pictures are decoded on access, one at a time, so that hundreds cost no memory. Labels are compared with the picture
files when they are loaded, without decoding, so that what contradicts is known before a board is taken.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ImageError
from pytest_stm32pose.metrics.keypoints import set_of
from pytest_stm32pose.pictures.annotations.label_studio import is_label_studio, read_tasks
from pytest_stm32pose.pictures.annotations.labelled import Annotations, Choice, LabelledImage
from pytest_stm32pose.pictures.annotations.notes import Findings, Kind, sentences
from pytest_stm32pose.pictures.annotations.placing import placed
from pytest_stm32pose.pictures.annotations.reading import annotations_of, read_json
from pytest_stm32pose.pictures.annotations.sets import Wanted
from pytest_stm32pose.pictures.annotations.unread import annotation_files, unread_labels
from pytest_stm32pose.pictures.annotations.yolo_text import read_text_labels
from pytest_stm32pose.pictures.decoders import check_tensorflow
from pytest_stm32pose.pictures.layouts import JsonLabels, Labels, TextLabels, labels_of
from pytest_stm32pose.pictures.places import SUFFIXES, PictureFinder, pictures_in
from pytest_stm32pose.pictures.reading import read_picture, read_raster
from pytest_stm32pose.preprocessing import Decoder
from pytest_stm32pose.types import Picture, Skeleton, Truth

#: Beside or in what the user names: folders of labels.
LABEL_FOLDERS = ("annotations", "labels")


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
        sources: Sequence[Path] = (),
    ) -> None:
        """Args: entries: id, file and labels of each picture. sources: what else decides which pictures there are."""
        self.entries = tuple(entries)
        self.notes = tuple(notes)
        #: Keypoints of a person in the annotation file, also those that are not used; None without one.
        self.annotated_keypoints = annotated_keypoints
        self.sources = tuple(sources)
        self._jpeg = jpeg

    def decoded_by(self, jpeg: Decoder) -> PictureSequence:
        """The same pictures, JPEG files read by this decoder. Raises ConfigError: it is not installed."""
        if jpeg == "tensorflow":
            check_tensorflow()
        return PictureSequence(self.entries, self.notes, self.annotated_keypoints, jpeg, self.sources)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(identifier for identifier, _, _ in self.entries)

    @property
    def label_keypoints(self) -> int | None:
        """Keypoints of a labelled person; None for pictures without labels."""
        return next((truth.keypoints_px.shape[1] for _, _, truth in self.entries if truth is not None), None)

    @property
    def label_skeleton(self) -> Skeleton | None:
        """Which keypoints are labelled; None for pictures without labels."""
        return next((set_of(truth) for _, _, truth in self.entries if truth is not None), None)

    def pixels_of(self, identifier: str) -> NDArray[np.uint8] | None:
        """A picture's pixels, uint8 [height, width, 3]; None when it is not one of these or cannot be read any more."""
        entry = next((listed for listed in self.entries if listed[0] == identifier), None)
        try:
            return None if entry is None else read_picture(entry[1], identifier, entry[2], self._jpeg).pixels
        except ImageError:
            return None

    def verify(self) -> None:
        """Opens every picture without decoding its pixels.

        Raises:
            ImageError: one is missing, is no image, or is too big.
        """
        for _, path, _ in self.entries:
            read_raster(path)

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> PictureSequence: ...
    def __getitem__(self, index: int | slice) -> Picture | PictureSequence:
        if isinstance(index, slice):
            return PictureSequence(self.entries[index], self.notes, self.annotated_keypoints, self._jpeg)
        identifier, path, truth = self.entries[index]
        return read_picture(path, identifier, truth, self._jpeg)

    def __iter__(self) -> Iterator[Picture]:
        for identifier, path, truth in self.entries:
            yield read_picture(path, identifier, truth, self._jpeg)


def load_pictures(
    path: str | Path,
    max_images: int | None = None,
    wanted: Wanted = None,
    *,
    root: str | Path | None = None,
    choice: Choice | None = None,
) -> PictureSequence:
    """The pictures of a folder or of a label file, at most `max_images`, in order of their file names.

    Labels are found by the layouts that data sets usually have (`layouts`). Of labelled pictures, those without any
    labelled person are left out. What was left out or settled is in `notes`.

    Args:
        wanted: the keypoint set that the user named (annotations/sets.py); None: as the labels say.
        root: the folder of the pictures, where they lie apart from their labels.
        choice: which labels are used, where a file leaves it open.

    Raises:
        ImageError: nothing there, no image in it, a listed image missing, labels broken, `max_images` below 1.
    """
    source, folder, choice = Path(path), None if root is None else Path(root), choice or Choice()
    if max_images is not None and max_images < 1:
        raise ImageError(f"At most {max_images} pictures were asked for; at least 1 is needed.")
    if not source.exists():
        raise ImageError(f"{source} does not exist.", remedy="Name a folder of images or a COCO keypoint JSON file.")
    if folder is not None and not folder.is_dir():
        raise ImageError(f"{folder} is no folder.", remedy="Name the folder of the pictures with --pose-images-root.")
    labels = labels_of(source, folder)
    found = _load(source, folder, labels, max_images, wanted, choice)
    sources = [source, *([folder] if folder else []), *_sources(source, labels, found)]
    return PictureSequence(found.entries, found.notes, found.annotated_keypoints, sources=list(dict.fromkeys(sources)))


def _sources(source: Path, labels: Labels | None, found: PictureSequence) -> Iterator[Path]:
    """Label files, and folders in which labels or pictures are found by their names."""
    yield from (place / name for place in (source, source.parent) for name in LABEL_FOLDERS)
    if isinstance(labels, JsonLabels):  # which lists its pictures
        yield labels.file
        return
    files = [file for _, file, _ in found.entries]
    if labels is not None:
        files += [label for file in files if (label := labels.label_of(file)) is not None]
        yield from (labels.source, *files)
    yield from (file.parent for file in files)


def _load(
    source: Path, folder: Path | None, labels: Labels | None, max_images: int | None, wanted: Wanted, choice: Choice
) -> PictureSequence:
    if labels is None:
        _check_unlabelled(source, folder, choice)
        if not source.is_dir():
            return PictureSequence([(source.stem, source, None)])
        return _from_folder(source, max_images)
    if isinstance(labels, JsonLabels):
        return _from_json(labels, max_images, wanted, choice)
    return _from_text(labels, max_images, wanted, choice)


def _check_unlabelled(source: Path, root: Path | None, choice: Choice) -> None:
    """Raises ImageError: an option that says something of labels, and there are none."""
    option = "--pose-images-root" if root is not None else "--pose-category" if choice.category is not None else ""
    if option:
        raise ImageError(
            f"{option} says something of labels, and {source} has none that are found.",
            remedy="Name the label file with --pose-images.",
        )


def _from_folder(folder: Path, max_images: int | None) -> PictureSequence:
    files = pictures_in(folder)
    if not files:
        others = ", ".join(str(file) for file in annotation_files(folder))
        raise ImageError(
            f"{folder} holds no images ({', '.join(sorted(SUFFIXES))}) and no keypoint annotations"
            + (f" that are found by name, but {others}." if others else "."),
            remedy="Name a folder of images or a COCO keypoint JSON file that lies beside its images.",
        )
    return _without_labels(files[:max_images], unread_labels(folder, files))


def _without_labels(files: Sequence[Path], notes: Sequence[str]) -> PictureSequence:
    return PictureSequence([(name, file, None) for name, file in zip(_unique_ids(files), files, strict=True)], notes)


def _from_json(labels: JsonLabels, max_images: int | None, wanted: Wanted, choice: Choice) -> PictureSequence:
    document = read_json(labels.file) if labels.document is None else labels.document
    if is_label_studio(document):
        annotations = read_tasks(labels.file, document, wanted, choice)
    else:
        annotations = annotations_of(labels.file, document, wanted, choice)
    finder = PictureFinder(labels.file, labels.folders)
    notes = [*labels.notes]
    if labels.of_folder is not None:
        of = labels.of_folder
        there = [each for each in annotations.images if finder.is_in(of, each.file_name, each.other_names)]
        left_out = len(annotations.images) - len(there)
        if left_out:
            listed = f"{left_out} of {len(annotations.images)} pictures of {labels.file}"
            notes.append(f"{listed} left out: they are not in {labels.of_folder}.")
        annotations = replace(annotations, images=tuple(there))
    pictures = _from_annotations(labels.file, annotations, finder, max_images)
    return PictureSequence(pictures.entries, [*notes, *pictures.notes], pictures.annotated_keypoints)


def _from_text(labels: TextLabels, max_images: int | None, wanted: Wanted, choice: Choice) -> PictureSequence:
    annotations = read_text_labels(labels.source, labels.pictures, labels.label_of, labels.declared, wanted, choice)
    if annotations is None:
        _check_unlabelled(labels.source, None, choice)
        note = f"{labels.source}: its pictures are used without labels; their label files have boxes only, or nothing."
        return _without_labels(labels.pictures[:max_images], [*labels.notes, note])
    pictures = _from_annotations(labels.source, annotations, PictureFinder(labels.source, ()), max_images)
    return PictureSequence(pictures.entries, [*labels.notes, *pictures.notes], pictures.annotated_keypoints)


def _from_annotations(
    path: Path, annotations: Annotations, finder: PictureFinder, max_images: int | None
) -> PictureSequence:
    """Those with a labelled person. Args: path: names the labels."""
    with_person = [image for image in annotations.images if image.has_person]
    if not with_person:
        raise _no_person(path, annotations)
    chosen = with_person[:max_images]
    places = [
        (image.file, "named") if image.file else finder.of(image.file_name, image.other_names) for image in chosen
    ]
    files = [file for file, _ in places]
    again = next((file for file, count in Counter(files).items() if count > 1), None)
    if again:
        raise ImageError(f"{path} lists {again} under several names.", remedy="Keep one entry for each picture.")
    truths, findings = placed(str(path), chosen, [read_raster(file) for file in files], annotations)
    for (_, how), own in zip(places, findings, strict=True):
        own[Kind.OTHER_SPELLING] += how == "spelt"
        own[Kind.ADDRESS] += how == "address"
    notes = [
        *annotations.notes,
        *_left_out(path, annotations, with_person),
        *sentences(str(path), zip((image.file_name for image in chosen), findings, strict=True)),
    ]
    told = [replace(truth, skeleton=annotations.skeleton) for truth in truths]
    return PictureSequence(list(zip(_unique_ids(files), files, told, strict=True)), notes, annotations.annotated)


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
    """Of pictures that the labels list and no person is labelled in."""
    left_out = len(annotations.images) - len(kept)
    if left_out:
        without = [image for image in annotations.images if not image.has_person]
        invisible = sum(image.findings[Kind.ALL_INVISIBLE] > 0 for image in without)
        yield (
            f"{left_out} of {len(annotations.images)} pictures of {path} left out: no labelled person"
            + (f" (in {invisible} of them all keypoints have visibility 0)." if invisible else ".")
        )


def _unique_ids(files: Sequence[Path]) -> list[str]:
    """File names without suffix where that is unique, otherwise with it and, if need be, with a number."""
    stems = Counter(file.stem for file in files)
    unique: dict[str, None] = {}
    for file in files:
        name = file.stem if stems[file.stem] == 1 else file.name
        candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        unique[next(candidate for candidate in candidates if candidate not in unique)] = None
    return list(unique)
