"""Atomic files: a reader sees the old content or the new, never a part, whatever interrupts the writer."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pytest_stm32pose.errors import ConfigError


def write_atomic(path: Path, content: bytes | str) -> None:
    """Writes the whole file or nothing.

    Args:
        path: destination; its folder is made when missing.
        content: bytes, or text written as UTF-8.

    Raises:
        ConfigError: the folder cannot be made or written.
    """
    data = content.encode() if isinstance(content, str) else content
    name = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            name = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}.", remedy="Choose a folder that can be written."
        ) from error
    finally:
        if name:
            Path(name).unlink(missing_ok=True)
