"""Building the run record from its entries, and writing it."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from pytest_stm32pose import __version__
from pytest_stm32pose.files import write_atomically
from pytest_stm32pose.record.entries import SCHEMA, BoardEntry, ImageEntry, ModelEntry
from pytest_stm32pose.record.verdict import Verdict


def build_record(
    *,
    started: datetime,
    boards: Sequence[BoardEntry],
    models: Sequence[ModelEntry],
    verdict: Verdict,
    reasons: Sequence[str],
    commit: str | None = None,
    host: Mapping[str, Any] | None = None,
    zoo: Sequence[Mapping[str, Any]] = (),
    reruns: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The record as plain JSON values; NaN and infinity become null.

    Args:
        started: with time zone.
        host: default `host_facts()`.
        zoo: of a conformance run, the rows of the published table (conformance.py).
        reruns: why tests failed that passed when run again.
        notes: on the pictures and their labels (images.PictureSequence.notes).
    """
    record: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "started": started.isoformat(timespec="seconds"),
            "plugin": {"version": __version__, "commit": commit},
            "host": dict(host) if host is not None else host_facts(),
            "boards": boards,
            "models": [_model(model) for model in models],
            "verdict": verdict,
            "reasons": list(reasons),
            **({"zoo": list(zoo)} if zoo else {}),
            **({"reruns": list(reruns)} if reruns else {}),
            **({"notes": list(notes)} if notes else {}),
        }
    )
    return record


def host_facts() -> dict[str, Any]:
    """What of this machine bears on the figures; nothing that names its user or its network."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
    }


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a record so that a reader never sees half of it.

    Raises:
        ConfigError: the file cannot be written.
    """
    write_atomically(path, (json.dumps(record, indent=1, allow_nan=False) + "\n").encode())


def plain(value: Any) -> Any:
    """Dataclasses, arrays and NumPy scalars as plain JSON values; NaN and infinity as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _model(model: ModelEntry) -> dict[str, Any]:
    description = {key: value for key, value in asdict(model.description).items() if key != "input_dtype"}
    latency = model.latency
    entry = {
        "board": model.board,
        **description,
        "preprocessing": model.preprocessing,
        "plan": model.plan,
        "golden": model.golden,
        "images": [_image(image) for image in model.images],
        "accuracy": model.accuracy,
        "latency": None if latency is None else {**asdict(latency), "ms_p50": latency.ms_p50},
        "budgets": [each.as_dict() for each in model.budgets],
    }
    if model.operators:
        entry["operators"] = model.operators
    if model.device_model is not None:
        entry["device_model"] = model.device_model
    if model.memory is not None:
        entry["memory"] = model.memory
    return entry


def _image(image: ImageEntry) -> dict[str, Any]:
    entry = {each.name: getattr(image, each.name) for each in fields(image)}
    if image.timing is not None:
        entry["timing"] = {key: value for key, value in asdict(image.timing).items() if key != "clock_hz"}
    return entry
