"""Which pictures a run would have, for those who only ask which tests there are: read once, then remembered.

To know it, labels are read and pictures opened, which takes far longer than to list the tests. What is remembered is
used for listing only, and while no file or folder that it depends on has changed; a run reads everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose import cache
from pytest_stm32pose.errors import PoseError
from pytest_stm32pose.models.zoo import default_pictures, resolve_model
from pytest_stm32pose.settings import Settings

if TYPE_CHECKING:
    from pytest_stm32pose.pictures.files import PictureSequence

#: Modules that decide which pictures there are: labels may leave a choice that the network's keypoints decide.
SOURCES = ("pictures", "metrics", "network", "families", "run", "types.py", "preprocessing.py")
#: Options that do.
_OPTIONS = ("images_root", "category", "max_images", "skeleton", "models", "family", "keypoints", "units", "classes",
            "outputs", "backend")  # fmt: skip
#: Of files that one listing depends on; one of more is read every time.
MAX_FILES = 20_000
MAX_BYTES = 32 << 20

#: Time of the last change in ns and size of a file or folder; None: it is not there.
_State = list[int] | None


def picture_ids(settings: Settings, load: Callable[[], PictureSequence]) -> tuple[str, ...]:
    """The ids of the pictures of a run.

    Args:
        load: reads them.

    Raises:
        PoseError: as `load`.
    """
    store = cache.store("listings", settings.cache, MAX_BYTES)
    if store is None:
        return load().ids
    path = (settings.images or default_pictures()).absolute()
    options = repr([getattr(settings, name) for name in _OPTIONS])
    key = cache.key_of(cache.code_digest(*SOURCES), str(path), options)
    known = _remembered(store.get(key))
    if known is not None:
        return known
    pictures = load()
    files = {str(file.absolute()) for file in (*_options_files(settings), *_files(pictures))}
    if len(files) <= MAX_FILES:
        states = {file: _state(file) for file in sorted(files)}
        store.put(key, json.dumps({"ids": pictures.ids, "files": states}).encode())
    return pictures.ids


def _files(pictures: PictureSequence) -> Iterable[Path]:
    yield from pictures.sources
    yield from (file for _, file, _ in pictures.entries)


def _options_files(settings: Settings) -> Iterable[Path]:
    """What options name beside the pictures: networks, a keypoint set."""
    for model in settings.models or ("",):
        try:
            yield resolve_model(model)
        except PoseError:
            continue  # a row of the zoo that is not here
    if settings.skeleton:
        yield Path(settings.skeleton)


def _remembered(content: bytes | None) -> tuple[str, ...] | None:
    """The ids of an entry, while all is as it was; None for one that is out of date, or none."""
    try:
        entry = json.loads(content or b"")
        ids, files = entry["ids"], entry["files"]
        if not isinstance(files, Mapping) or not ids or not all(isinstance(each, str) for each in ids):
            return None
        return tuple(ids) if all(_state(file) == state for file, state in files.items()) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _state(file: str) -> _State:
    try:
        told = Path(file).stat()
    except OSError:
        return None
    return [told.st_mtime_ns, told.st_size]
