"""Reading a run record, which is untrusted, and checking it against its schema."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_stm32pose.entries.codec import REMEDY
from pytest_stm32pose.entries.run import SCHEMA, RunEntry
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.record.columns import surely_fits
from pytest_stm32pose.record.json_schema import first_error

MAX_RECORD_BYTES = 256 * 1024 * 1024


_PREFIX = "stm32pose/run/"


def read_record(path: Path) -> RunEntry:
    """A record that was checked against its schema.

    Raises:
        ConfigError: missing, too big, not JSON, not a run record, of another schema version, or malformed.
    """
    try:
        size = path.stat().st_size
        if size > MAX_RECORD_BYTES:
            raise ConfigError(f"{path} has {size} bytes; records are read up to {MAX_RECORD_BYTES}.", remedy=REMEDY)
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", remedy=REMEDY) from error
    return check_record(content, str(path))


def check_record(content: bytes, where: str) -> RunEntry:
    """A record from its bytes; `where` names them. Raises ConfigError as read_record does."""
    with _without_collector():
        return _checked(content, where)


def _checked(content: bytes, where: str) -> RunEntry:
    document = _parsed(content, where)
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(schema, str) or not schema.startswith(_PREFIX):
        raise ConfigError(f"{where} is not a run record.", remedy=REMEDY)
    if schema != SCHEMA:
        raise ConfigError(
            f"{where} has schema {schema!r}; this version reads {SCHEMA!r}.",
            remedy="Use the version of pytest-stm32pose that wrote it.",
        )
    wanted = record_schema()
    if not surely_fits(document, wanted):  # then the slow way says why
        document = _parsed(content, where, bounded=True)
        if problem := first_error(document, wanted):
            raise ConfigError(f"{where} is not a valid run record, {problem}.", remedy=REMEDY)
    return RunEntry.from_json(document, where)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of values are made and all of them stay: looking for garbage among them takes as long again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _parsed(content: bytes, where: str, *, bounded: bool = False) -> Any:
    """The document; `bounded`: numbers that are too large are refused here, which takes ten times as long."""
    own: dict[str, Any] = {"parse_float": _finite, "parse_int": _whole} if bounded else {}
    try:
        return json.loads(content, parse_constant=_refuse_constant, **own)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is not a run record: it is no valid JSON ({error}).", remedy=REMEDY) from error


def record_schema() -> dict[str, Any]:
    """The JSON schema of the record."""
    text = resources.files("pytest_stm32pose").joinpath("record.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """JSON's 1e999 would be infinite."""
    if math.isinf(value := float(text)):
        raise ValueError(f"{text[:20]} is too large")
    return value


def _whole(text: str) -> int:
    """Of 64 bits at most: counters are no larger, and arithmetic with them must not fail."""
    if len(text) > 20:
        raise ValueError(f"{text[:20]}... is too large")
    return int(text)
