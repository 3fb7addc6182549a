"""Writing a file so that a reader, or a crash, never sees half of it."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from pytest_stm32pose.errors import ConfigError


def write_atomically(path: Path, content: bytes) -> None:
    """Writes `content` beside `path`, flushes it to the disk and renames it over `path`; makes missing folders.

    Raises:
        ConfigError: the file cannot be written; names it and why.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # "x" and not mkstemp: the result has the permissions that any new file of the user has.
        temporary = path.with_name(f".{path.name[:64]}.{secrets.token_hex(8)}")
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}.", remedy="Name a place that can be written to."
        ) from error
    except ValueError as error:  # a path without a name, such as "" and "/"
        raise ConfigError(f"{str(path)!r} is no file that can be written.", remedy="Name a file.") from error
