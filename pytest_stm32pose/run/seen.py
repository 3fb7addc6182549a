"""Pictures by what is in them: one that was changed and kept its name is another picture, with a name of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np

from pytest_stm32pose.types import Picture

#: Hexadecimal digits of the fingerprint in a name.
DIGITS = 8


def fingerprint(picture: Picture, how: str = "") -> str:
    """SHA-256, in hexadecimal, of the pixels and the labels; `how` is whatever else decides the result."""
    digest = hashlib.sha256(how.encode())
    labels = [] if picture.truth is None else [getattr(picture.truth, part.name) for part in fields(picture.truth)]
    for value in (picture.pixels, *labels):
        if isinstance(value, np.ndarray):
            digest.update(f"{value.dtype.str} {value.shape}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        else:
            digest.update(repr(value).encode())
    return digest.hexdigest()


class PictureNames:
    """A name for each content: `figure_0` is the run's picture of that name, whoever measures it first, and
    `figure_0~1a2b3c4d` another one that came under the same name. The same in every process and every run.

    Args:
        known: the run's own picture of a name; None where it has none. Then the first one that comes has the name.
    """

    def __init__(self, known: Callable[[str], Picture | None]) -> None:
        self._known = known
        self._owners: dict[str, str] = {}

    def own(self, picture: Picture) -> str:
        """The run's picture as it was decoded: its name is its own from now on. Returns its fingerprint."""
        content = fingerprint(picture)
        self._owners.setdefault(picture.id, content)
        return content

    def named(self, picture: Picture, how: str = "") -> tuple[Picture, str]:
        """The picture under its own name, and its fingerprint. One with a name of its own has its fingerprint as
        SHA-256 too: it is not what its file holds, and has a golden of its own."""
        content = fingerprint(picture, how)
        if picture.id not in self._owners:
            own = self._known(picture.id)
            self._owners[picture.id] = content if own is None else fingerprint(own)
        if content == self._owners[picture.id]:
            return picture, content
        return replace(picture, id=f"{picture.id}~{content[:DIGITS]}", sha256=content), content
