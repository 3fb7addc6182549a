"""Labels that lie about a folder of pictures and were not read: a folder without labels must not look labelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

#: Of label files that are kept one per picture: YOLO's text, Pascal VOC and CVAT, labelme.
_PER_PICTURE = (".txt", ".xml", ".json")
#: Where label files are kept beside a folder of pictures.
_SIBLINGS = ("annotations", "labels")
_SHOWN = 3


def unread_labels(folder: Path, pictures: Sequence[Path]) -> tuple[str, ...]:
    """One sentence that names what may be labels of a folder's pictures; none when there is nothing of the kind."""
    stems = {picture.stem for picture in pictures}
    files = list(dict.fromkeys([*_in(folder, stems), *_around(folder, stems)]))
    if not files:
        return ()
    shown = ", ".join(_named(folder, file) for file in files[:_SHOWN])
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return (
        f"{folder}: its pictures are used without labels; {shown}{more} were not read. "
        "A COCO keypoint file is read when it is named itself with --pose-images, or is called keypoints.json.",
    )


def annotation_files(folder: Path) -> list[Path]:
    """JSON files that may be annotations of pictures in other folders: in the folder and one below it."""
    try:
        return sorted([*folder.glob("*.json"), *folder.glob("*/*.json")])[:_SHOWN]
    except OSError:
        return []


def _in(folder: Path, stems: set[str]) -> Iterator[Path]:
    for file in sorted(folder.iterdir()):
        suffix = file.suffix.lower()
        if (suffix == ".json" or (suffix in _PER_PICTURE and file.stem in stems)) and file.is_file():
            yield file


def _around(folder: Path, stems: set[str]) -> Iterator[Path]:
    """Files for these pictures in folders where labels are usually kept."""
    for place in [folder, folder.parent, folder.parent.parent]:
        for name in _SIBLINGS:
            # images/train beside labels/train, and val2017 beside annotations.
            for labels in (place / name, place / name / folder.name):
                if labels != folder and labels.is_dir():
                    yield from _in(labels, stems)


def _named(folder: Path, file: Path) -> str:
    return file.name if file.parent == folder else str(file)
