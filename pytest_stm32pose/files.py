"""Writing a file so that a reader, or a crash, never sees half of it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from pytest_stm32pose.errors import ConfigError


def write_atomically(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Writes `content` beside `path`, flushes it to the disk and renames it over `path`; makes missing folders.

    Args:
        content: whole, or in parts that need not be in memory at the same time. Whatever making one of them raises
            leaves no file behind.

    Raises:
        ConfigError: the file cannot be written; names it and why.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # "x" and not mkstemp: the result has the permissions that any new file of the user has.
        temporary = path.with_name(f".{path.name[:64]}.{secrets.token_hex(8)}")
        stream = temporary.open("xb")
    except OSError as error:
        raise _unwritable(path, error) from error
    except ValueError as error:  # a path without a name, such as "" and "/"
        raise ConfigError(f"{str(path)!r} is no file that can be written.", remedy="Name a file.") from error
    try:
        with stream:
            stream.writelines([content] if isinstance(content, bytes) else content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path} cannot be written: {error.strerror}.", remedy="Name a place that can be written to.")
