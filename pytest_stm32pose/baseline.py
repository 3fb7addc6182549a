"""Where a baseline comes from: a record's file, a folder of records, or a file of a git revision."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.record import MAX_RECORD_BYTES, check_record, read_record

GIT_TIMEOUT_S = 30.0
_REMEDY = "Give a record (--pose-json wrote it), a folder of records, or git:REVISION:PATH."


@dataclass(frozen=True)
class Baseline:
    """Records to compare with, the preferred ones first, and their name for people."""

    records: tuple[dict[str, Any], ...]
    name: str


def read_baseline(source: str, root: Path | None = None) -> Baseline:
    """Reads a baseline.

    Args:
        source: path of a record; path of a folder, of whose records the latest of each board and network counts;
            or `git:REVISION:PATH`, PATH relative to the repository's top.
        root: where relative paths and the git repository are; default: the current folder.

    Raises:
        ConfigError: nothing there, no record, of another schema version, git cannot give it.
    """
    root = root or Path.cwd()
    if source.startswith("git:"):
        return Baseline((_from_git(source, root),), source)
    path = root / Path(source).expanduser()
    if path.is_dir():
        return Baseline(_from_folder(path), str(path))
    if not path.exists():
        raise ConfigError(f"The baseline {path} is not there.", remedy=_REMEDY)
    return Baseline((read_record(path),), str(path))


def _from_git(source: str, root: Path) -> dict[str, Any]:
    _, revision, name = (*source.split(":", 2), "", "")[:3]
    if not revision or not name or revision.startswith("-") or name.startswith(("-", "/")):
        raise ConfigError(f"The baseline {source!r} is not git:REVISION:PATH.", remedy=_REMEDY)
    command = ["git", "-C", str(root), "cat-file", "blob", f"{revision}:{name}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_TIMEOUT_S, check=True)
    except subprocess.CalledProcessError as error:
        why = (error.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise ConfigError(f"git has no baseline {source}: {why}", remedy="Is it committed there?") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"git cannot be asked for the baseline {source}: {error}") from error
    if len(done.stdout) > MAX_RECORD_BYTES:
        raise ConfigError(f"{source} has {len(done.stdout)} bytes; records are read up to {MAX_RECORD_BYTES}.")
    return check_record(done.stdout, source)


def _from_folder(folder: Path) -> tuple[dict[str, Any], ...]:
    """The folder's records, the latest first."""
    found = [record for path in sorted(folder.glob("*.json")) if (record := _record_in(path)) is not None]
    if not found:
        raise ConfigError(f"The baseline folder {folder} holds no run record (*.json).", remedy=_REMEDY)
    return tuple(sorted(found, key=lambda record: datetime.fromisoformat(record["started"]), reverse=True))


def _record_in(path: Path) -> dict[str, Any] | None:
    """The file's record; None for other JSON. A record that is broken or newer is an error, not passed over."""
    try:
        return read_record(path)
    except ConfigError:
        text = path.read_bytes()[:MAX_RECORD_BYTES]
        if b'"stm32pose/run/' in text:
            raise
        return None
