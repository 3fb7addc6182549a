"""What is kept from run to run because making it takes time: files named by what they were made from.

Nothing depends on it. An entry that is damaged, or cannot be read or written, is as if it were not there. Entries are
data, never code: whoever reads one checks what is in it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.files import write_atomically

_PACKAGE = Path(__file__).resolve().parent
#: What --pose-cache says to keep nothing.
OFF = "off"
VARIABLE = "STM32POSE_CACHE"
#: Of all entries of a store together; the ones that were not used for longest go first.
MAX_BYTES = 256 << 20
#: Another process that makes the same entry is waited for so long; then both make it, and one file wins.
WAIT_S = 60.0
#: A file that a process began to write and is not there for has been left behind for longer than this.
_LEFT_BEHIND_S = 3600.0
_LOCKS = 16
_SUFFIX = ".kept"


def cache_home() -> Path:
    """The user's folder for what this package keeps ($XDG_CACHE_HOME/stm32pose); need not exist."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "stm32pose"


def store(name: str, said: str | None, max_bytes: int = MAX_BYTES) -> Store | None:
    """The store of one kind of entries.

    Args:
        name: of the kind: a folder.
        said: --pose-cache: a folder, or OFF; None: as the environment says, else the user's.

    Returns:
        None: nothing is kept.
    """
    said = said or os.environ.get(VARIABLE)  # commands without the option have the variable
    if said == OFF:
        return None
    try:
        return Store((Path(said) if said else cache_home()) / name, max_bytes)
    except RuntimeError:  # a user without a home
        return None


def key_of(*parts: str | bytes) -> str:
    """One key of all that an entry was made from."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


@functools.cache
def code_digest(*names: str) -> str:
    """Of Python and of modules of this package, so that an edit of them is seen.

    Args:
        names: of folders and files, relative to the package.
    """
    files = [path for name in names for path in _sources(_PACKAGE / name)]
    told = (part for path in files for part in (str(path.relative_to(_PACKAGE)), path.read_bytes()))
    return key_of(platform.machine(), platform.python_version(), *told)


def _sources(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


class Store:
    """Entries of one kind: bytes by key (of `key_of`).

    Args:
        folder: made when the first entry is written.
        max_bytes: an entry that is larger is not kept.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self._max_bytes = max_bytes

    def path(self, key: str) -> Path:
        """Where an entry is, or would be."""
        return self.folder / f"{key}{_SUFFIX}"

    def get(self, key: str) -> bytes | None:
        """An entry as it was put; None when it is not there, or is damaged."""
        path = self.path(key)
        try:
            told = path.stat()
            if not stat.S_ISREG(told.st_mode) or told.st_size > self._max_bytes:
                return None  # a pipe would be waited for, and a device does not end
            content = path.read_bytes()
        except OSError:
            return None
        body = memoryview(content)[hashlib.sha256().digest_size :]
        if hashlib.sha256(key.encode() + body).digest() != content[: -len(body) or None]:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return bytes(body)

    def put(self, key: str, body: bytes) -> None:
        """Keeps an entry, and drops old ones where there are too many. A folder that cannot be written keeps none."""
        content = hashlib.sha256(key.encode() + body).digest() + body
        if len(content) > self._max_bytes:
            return
        with contextlib.suppress(ConfigError, OSError):
            write_atomically(self.path(key), content)
            self._drop_old()

    @contextlib.contextmanager
    def making(self, key: str) -> Iterator[None]:
        """While an entry is made: another process that makes the same one is waited for, so that one of them does."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / f"lock{int(key[:8], 16) % _LOCKS}", timeout=WAIT_S)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except (OSError, NotImplementedError, Timeout):  # unwritable, a file system without locks, or it takes long
            pass
        try:
            yield
        finally:
            lock.release()

    def _drop_old(self) -> None:
        """Least recently used first; another process may be doing the same."""
        kept = []
        for path in self.folder.iterdir():
            with contextlib.suppress(OSError):
                told = path.stat()
                if path.name.startswith(".") and told.st_mtime < time.time() - _LEFT_BEHIND_S:
                    path.unlink()
                elif path.suffix == _SUFFIX and not path.name.startswith("."):
                    kept.append((told.st_mtime_ns, told.st_size, path))
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self._max_bytes:
                return
            with contextlib.suppress(OSError):  # a folder, or another user's
                path.unlink(missing_ok=True)
                total -= size
