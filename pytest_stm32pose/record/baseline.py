"""Where a baseline comes from: a record's file, a folder of records, or a file of a git revision."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.record.read import MAX_RECORD_BYTES, check_record, read_record

GIT_TIMEOUT_S = 30.0
#: A record names its schema at its beginning.
_LOOK_BYTES = 4096
_REMEDY = "Give a record (--pose-json wrote it), a folder of records, or git:REVISION:PATH."


@dataclass(frozen=True)
class Baseline:
    """Records to compare with, the preferred ones first, and their name for people.

    `is_folder`: what several runs measured, of which one run need not have all.
    """

    records: tuple[RunEntry, ...]
    name: str
    is_folder: bool = False


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
        return Baseline(_from_folder(path), str(path), is_folder=True)
    if not path.exists():
        raise ConfigError(f"The baseline {path} is not there.", remedy=_REMEDY)
    return Baseline((read_record(path),), str(path))


def _from_git(source: str, root: Path) -> RunEntry:
    _, revision, name = (*source.split(":", 2), "", "")[:3]
    if not revision or not name or revision.startswith("-") or name.startswith(("-", "/")):
        raise ConfigError(f"The baseline {source!r} is not git:REVISION:PATH.", remedy=_REMEDY)
    size = int(_git(root, source, "-s", f"{revision}:{name}"))
    if size > MAX_RECORD_BYTES:
        raise ConfigError(f"{source} has {size} bytes; records are read up to {MAX_RECORD_BYTES}.")
    return check_record(_git(root, source, "blob", f"{revision}:{name}"), source)


def _git(root: Path, source: str, *arguments: str) -> bytes:
    """What `git cat-file` says."""
    command = ["git", "-C", str(root), "cat-file", *arguments]
    try:
        return subprocess.run(command, capture_output=True, timeout=GIT_TIMEOUT_S, check=True).stdout
    except subprocess.CalledProcessError as error:
        why = (error.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1].rstrip(".")
        raise ConfigError(f"git has no baseline {source}: {why}.", remedy="Is it committed there?") from error
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise ConfigError(f"git cannot be asked for the baseline {source!r}: {error}.") from error


def _from_folder(folder: Path) -> tuple[RunEntry, ...]:
    """The folder's records that are the latest of a board and network, the latest first."""
    latest: dict[tuple[str, str], tuple[datetime, str, RunEntry]] = {}
    for path in sorted(folder.glob("*.json")):
        record = _record_in(path)
        if record is None:
            continue
        candidate = (started(record, str(path)), path.name, record)
        for model in record.models:
            if model.key not in latest or candidate[:2] > latest[model.key][:2]:
                latest[model.key] = candidate
    if not latest:
        raise ConfigError(f"The baseline folder {folder} holds no run record with figures (*.json).", remedy=_REMEDY)
    kept = {name: (when, name, record) for when, name, record in latest.values()}
    return tuple(record for _, _, record in sorted(kept.values(), key=lambda each: each[:2], reverse=True))


def started(record: RunEntry, where: str) -> datetime:
    """When a run started, with time zone (UTC where it has none). Raises ConfigError where that is no time."""
    try:
        found = datetime.fromisoformat(record.started)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{where} is not a valid run record, its start {record.started!r} is no time.") from error


def _record_in(path: Path) -> RunEntry | None:
    """The file's record; None for other JSON. A record that is broken or newer is an error, not passed over."""
    try:
        return read_record(path)
    except ConfigError:
        if path.is_file() and (not os.access(path, os.R_OK) or b"stm32pose/run/" in _beginning(path)):
            raise
        return None


def _beginning(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_LOOK_BYTES)
