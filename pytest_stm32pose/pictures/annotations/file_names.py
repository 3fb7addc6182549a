"""Names of pictures in label files, which are untrusted: relative paths, URLs, paths of a labelling server.

A name is only ever looked for below the folders where pictures are kept, so that of a URL or a server's path only the
end counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import TypeGuard
from urllib.parse import parse_qs, unquote, urlsplit

from pytest_stm32pose.pictures.annotations.fields import Entry, quoted

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
#: Label Studio's addresses of its own files: uploads, and files of a folder that it serves.
_SERVED = ("/data/upload/", "/data/local-files/", "/tasks/", "/storage-data/")
#: What Label Studio puts before the name of an upload.
_UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")
#: Fields of an image that name it once more: COCO and LVIS; ultralytics' converter; CVAT and VIA.
_OTHER_FIELDS = ("coco_url", "flickr_url", "path")
#: Folders of a path that are looked for.
_MAX_STEPS = 8
#: Longer names are no files of any system.
_MAX_LENGTH = 4096


def file_name(entry: Entry) -> str:
    """The name of an image entry: `file_name`, else that of its URL.

    Raises:
        ImageError: there is none, or it lies outside the folder.
    """
    name: object = entry.values.get("file_name")
    if name is None:
        name = next((url for key in _OTHER_FIELDS if isinstance(url := entry.values.get(key), str) and url), None)
    if not is_name(name):
        raise entry.wrong("has no `file_name`.")
    if not is_address(name) and leaves(name):
        raise entry.wrong(
            f"names {quoted(name)}, which lies outside the annotation file's folder.",
            "Use file names relative to the folder.",
        )
    return name if is_address(name) else str(PurePosixPath(name))


def other_names(values: Mapping[str, object]) -> tuple[str, ...]:
    """What else an image entry is called."""
    return tuple(name for key in _OTHER_FIELDS if is_name(name := values.get(key)))


def is_name(name: object) -> TypeGuard[str]:
    """Whether it is a name that can be printed: JSON can hold line ends, and half of a surrogate pair."""
    if not isinstance(name, str) or not name or len(name) > _MAX_LENGTH:
        return False
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)


def is_address(name: str) -> bool:
    """Whether a name is a URL, or a path of a labelling server."""
    return bool(_URL.match(name)) or name.startswith(_SERVED)


def leaves(name: str) -> bool:
    """Whether a path is absolute or goes up."""
    absolute = PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute()
    return absolute or ".." in (*PurePosixPath(name).parts, *PureWindowsPath(name).parts)


def spellings(name: str) -> Iterator[str]:
    """Relative paths that a name may stand for, the likeliest first; none of them goes up."""
    found: dict[str, None] = {}
    for form in (name, unquote(name)):
        for path in _paths(form):
            if path and not leaves(path) and is_name(path):
                found[path] = None
    yield from found


def _paths(name: str) -> Iterator[str]:
    if not is_address(name):
        yield from (name, name.replace("\\", "/"))
        yield from _ends(name)
        return
    try:
        parts = urlsplit(name)
    except ValueError:  # brackets that are no IPv6 address
        return
    for given in (*parse_qs(parts.query).get("d", ()), parts.path):
        yield from _ends(given)


def _ends(path: str) -> Iterator[str]:
    """The longest first: .../val2017/a.jpg, val2017/a.jpg, a.jpg; then without what Label Studio puts before names."""
    steps = [step for step in path.replace("\\", "/").split("/") if step][-_MAX_STEPS:]
    for last in dict.fromkeys([*steps[-1:], *(_UPLOAD.sub("", step, count=1) for step in steps[-1:])]):
        yield from ("/".join([*steps[start:-1], last]) for start in range(len(steps)))
