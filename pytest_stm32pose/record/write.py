"""Building the run record from its entries, and writing it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from pytest_stm32pose import __version__
from pytest_stm32pose.entries.codec import Entry, Json, written
from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.entries.run import SCHEMA, BoardEntry, PluginEntry, RunEntry, Verdict, ZooEntry
from pytest_stm32pose.files import write_atomically

#: Of a record, its networks, one of them, its pictures, one of them: the last is on one line.
_ONE_LINE = 4


def build_record(
    *,
    started: str,
    boards: Sequence[BoardEntry],
    models: Sequence[ModelEntry],
    verdict: Verdict,
    reasons: Sequence[str],
    commit: str | None = None,
    host: Mapping[str, Json] | None = None,
    zoo: Sequence[ZooEntry] = (),
    reruns: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> RunEntry:
    """The record of this version of the package.

    Args:
        started: ISO 8601 with time zone.
        host: default `host_facts()`.
        zoo: of a conformance run, the rows of the published table (tell/conformance.py).
        reruns: why tests failed that passed when run again.
        notes: on the pictures and their labels (PictureSequence.notes in pictures/files.py).
    """
    return RunEntry(
        schema=SCHEMA,
        started=started,
        plugin=PluginEntry(__version__, commit),
        host=dict(host) if host is not None else host_facts(),
        boards=tuple(boards),
        models=tuple(models),
        verdict=verdict,
        reasons=tuple(reasons),
        zoo=tuple(zoo),
        reruns=tuple(reruns),
        notes=tuple(notes),
    )


def host_facts() -> dict[str, Json]:
    """What of this machine bears on the figures; nothing that names its user or its network."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "pillow": metadata.version("Pillow"),  # which reads the pictures, and other JPEG decoders give other levels
    }


def write_record(path: Path, record: RunEntry) -> None:
    """Writes a record so that a reader never sees half of it.

    Raises:
        ConfigError: the file cannot be written.
        ValueError: a number that JSON does not have.
    """
    write_atomically(path, (text.encode() for text in _lines(record)))


def _lines(record: RunEntry) -> Iterator[str]:
    """JSON, one line for each picture, budget, operator and the like: read by people, compared by line, and small."""
    yield from _indented(record, 0)
    yield "\n"


def _indented(value: object, level: int) -> Iterator[str]:
    """What lies less deep than _ONE_LINE has a line for each of its parts."""
    is_object = isinstance(value, Entry | Mapping)
    parts: list[tuple[str, object]] = []
    if isinstance(value, Entry | Mapping):
        parts = [(f"{json.dumps(key)}: ", each) for key, each in value.items()]
    elif isinstance(value, tuple | list):
        parts = [("", each) for each in value]
    if level == _ONE_LINE or not parts:
        yield written(value)
        return
    begin, end = "{}" if is_object else "[]"
    for place, (name, each) in enumerate(parts):
        yield f"{',' if place else begin}\n{' ' * (level + 1)}{name}"
        yield from _indented(each, level + 1)
    yield f"\n{' ' * level}{end}"
