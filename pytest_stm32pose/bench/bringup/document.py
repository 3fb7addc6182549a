"""The one file of a bringup: lines for people first, then every value, as JSON. Pure.

What names a person or a computer is left out: user, home folder, host, and passwords in addresses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_stm32pose.bench.bringup.step import Reading, StepResult

if TYPE_CHECKING:
    from pytest_stm32pose.boards.catalog import BoardSpec

SCHEMA = "stm32pose/bringup/1"
MARKS = {"passed": "ok", "failed": "FAILED", "not applicable": "-", "not reached": ""}
#: Ends of the keys of a catalog entry whose numbers are addresses and sizes, which people read in hexadecimal.
_HEXADECIMAL = ("address", "start", "length", "bytes", "device")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def verdict(results: Sequence[StepResult]) -> str:
    """passed, failed, or interrupted: it ended before its last step for another reason than a step that failed."""
    if any(result.status == "failed" for result in results):
        return "failed"
    return "interrupted" if any(result.status == "not reached" for result in results) else "passed"


def step_line(number: int, result: StepResult) -> str:
    """A step in one line, as the terminal shows it."""
    return f"{number:2} {result.name:<9} {MARKS[result.status]:<6}  {result.judgement.sentence}"


def failure_lines(result: StepResult) -> list[str]:
    """Of a failed step: what was read, and what to try."""
    read = [f"     read  {reading.text}" for reading in result.readings]
    return read + [f"     try   {number}. {text}" for number, text in enumerate(result.remedies, 1)]


def lines(board: str, results: Sequence[StepResult]) -> list[str]:
    """All of it for people."""
    told = [f"stm32pose bringup of {board}: {verdict(results)}"]
    for number, result in enumerate(results, 1):
        if result.status != "not reached":
            told.append(step_line(number, result))
        if result.status == "failed":
            told += failure_lines(result)
    left = [result.name for result in results if result.status == "not reached"]
    return told + ([f"not reached: {', '.join(left)}"] if left else [])


def catalog_entry(spec: BoardSpec) -> dict[str, Any]:
    """The board as the catalog has it. Of the command that switches its power only that there is one."""
    entry = {**asdict(spec), "power_cycle": "configured" if spec.power_cycle else ""}
    return {key: _shown(key, value) for key, value in entry.items()}


def _shown(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown(name, each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(key, each) for each in value]
    is_place = key.rpartition("_")[2] in _HEXADECIMAL and type(value) is int
    return f"0x{value:08x}" if is_place else value


def document(
    spec: BoardSpec,
    results: Sequence[StepResult],
    *,
    started: str,
    versions: Mapping[str, str],
    options: Mapping[str, Any],
    log: Sequence[str],
) -> dict[str, Any]:
    """The file's content."""
    return {
        "schema": SCHEMA,
        "board": spec.name,
        "verdict": verdict(results),
        "for_people": lines(spec.name, results),
        "started": started,
        "versions": dict(versions),
        "options": dict(options),
        "steps": [_step(result) for result in results],
        "catalog": catalog_entry(spec),
        "log": list(log),
    }


def _step(result: StepResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "status": result.status,
        "sentence": result.judgement.sentence,
        "seconds": round(result.seconds, 3),
        "read": [_reading(reading) for reading in result.readings],
        "try": list(result.remedies),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    expected = {} if reading.expected is None else {"expected": reading.expected}
    return {"name": reading.name, "value": reading.value, **expected}


def rendered(content: Mapping[str, Any], private: Mapping[str, str]) -> bytes:
    """The file's bytes.

    Args:
        private: texts that must not be in it, each with what stands in its place.
    """
    clean = scrubbed(content, private)
    return (json.dumps(clean, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def scrubbed(value: Any, private: Mapping[str, str]) -> Any:
    """A value of JSON in which no text is private. The longest go first: a home folder holds a user's name."""
    if isinstance(value, Mapping):
        return {key: scrubbed(each, private) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrubbed(each, private) for each in value]
    if not isinstance(value, str):
        return value
    text = _CREDENTIALS.sub("", value)
    for secret in sorted((each for each in private if len(each) > 1), key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", private[secret], text)
    return text
