"""The run record, schema "stm32pose/run/1" (record.schema.json): building, writing, reading.

The record is the truth of a run; report, Markdown and plots are derived from it. A record that is read is untrusted.
"""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose import __version__
from pytest_stm32pose.budget import BudgetResult
from pytest_stm32pose.cause import REGRESSION
from pytest_stm32pose.compare import Divergence
from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.files import write_atomically
from pytest_stm32pose.metrics.detection import Matches
from pytest_stm32pose.metrics.latency import LatencySummary
from pytest_stm32pose.schema import first_error
from pytest_stm32pose.types import DeviceModel, FlashReport, Keypoints, MemoryStats, NetworkDescription, Timing

SCHEMA = "stm32pose/run/1"
MAX_RECORD_BYTES = 256 * 1024 * 1024
_PREFIX = "stm32pose/run/"
_REMEDY = "Give a file that --pose-json wrote."

Verdict = Literal["passed", "failed", "blocked"]


@dataclass(frozen=True)
class FirmwareEntry:
    """`path` and the sizes are None where they are not known (a firmware that was already there)."""

    path: str | None
    sha256: str | None
    version: str
    backend: str
    flash_bytes: int | None
    ram_bytes: int | None
    kernels: str = ""


@dataclass(frozen=True)
class BoardEntry:
    """One board of the run."""

    name: str
    mcu: str
    core: str
    kind: Literal["virtual", "hardware"]
    probe_uid: str | None
    clock_hz: int
    firmware: FirmwareEntry
    flash: FlashReport
    caches: str | None = None  #: of the core that are on, in words; None where nobody could ask


@dataclass(frozen=True)
class GoldenEntry:
    """Who computed the goldens; `store` is "live" or the folder of the stored ones."""

    engine: str
    version: str
    resolver: str
    store: str


@dataclass(frozen=True)
class TensorEntry:
    """One tensor compared; `max_lsb` None where it has no meaning."""

    name: str
    elements: int
    differing: int
    max_lsb: int | None


@dataclass(frozen=True)
class ErrorEntry:
    """Distances of the device's keypoints to the golden's, pixels of the original picture."""

    mean: float | None
    max: float | None


@dataclass(frozen=True)
class LabelsEntry:
    """What a picture's labels hold (metrics/labels.py), and by labelled person: whether it counts, and its box."""

    found: str
    counted: Sequence[bool] = ()
    boxes_px: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ImageEntry:
    """One picture. Keypoints: [persons, K, 3] in pixels of the original picture."""

    id: str
    sha256: str
    width_px: int
    height_px: int
    keypoints_device: Keypoints | None
    keypoints_golden: Keypoints | None
    keypoints_truth: Keypoints | None
    oks_vs_golden: float | None
    oks_vs_truth: float | None
    keypoint_error_px: ErrorEntry
    tensors: Sequence[TensorEntry]
    timing: Timing | None
    divergence: str | None = None  #: Divergence.describe()
    first_divergence: Divergence | None = None  #: the same, for programs
    matches: Matches | None = None  #: of networks that find several persons, on pictures with labels
    input_crc32: int | None = None  #: CRC-32 of what preprocessing made of it, which any network of that input gets
    deterministic: bool | None = None  #: whether the device gave the same answer to it again; None: asked once
    pck: float | None = None  #: of the one labelled person
    labels: LabelsEntry | None = None


@dataclass(frozen=True)
class AccuracyEntry:
    """Over the pictures: OKS and PCK against truth of those with one labelled person, ST's mAP of all with labels.

    Every figure has the number of pictures that it is of (`_n`) and, from two pictures on, its 95 % bootstrap interval.
    """

    oks_vs_golden: float | None
    oks_vs_truth: float | None
    pck: float | None
    map50_vs_truth: float | None = None
    oks_vs_truth_interval: tuple[float, float] | None = None  #: 95 % bootstrap
    map50_vs_truth_interval: tuple[float, float] | None = None  #: 95 % bootstrap
    map_vs_truth: float | None = None  #: mAP@[.5:.95]
    oks_vs_golden_n: int | None = None
    oks_vs_golden_interval: tuple[float, float] | None = None
    oks_vs_truth_n: int | None = None
    pck_n: int | None = None
    pck_interval: tuple[float, float] | None = None
    map50_vs_truth_n: int | None = None
    map50_vs_truth_persons: int | None = None  #: that should be found


@dataclass(frozen=True)
class OperatorEntry:
    """One operator of the profile: median over the timed inferences, and its share of their sum."""

    index: int  #: in the .tflite; with a device_model, in the device's own order
    name: str
    p50: int
    share: float
    macs: int = 0  #: multiply-accumulates
    per_mac: float | None = None  #: p50 / macs; None for an operator without any
    arena_bytes: int = 0  #: tensors and scratch alive while it runs


@dataclass(frozen=True)
class ModelEntry:
    """One network on one board."""

    board: str
    description: NetworkDescription
    golden: GoldenEntry
    images: Sequence[ImageEntry]
    accuracy: AccuracyEntry
    latency: LatencySummary | None
    budgets: Sequence[BudgetResult] = ()
    operators: Sequence[OperatorEntry] = field(default=())
    preprocessing: str = "stretch"  #: or "letterbox"
    device_model: DeviceModel | None = None  #: of a firmware that is not ours
    plan: str | None = None  #: "small" or "plain"; None where we did not plan
    memory: MemoryStats | None = None  #: as the device said during the run


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


def combine_verdicts(outcomes: Iterable[tuple[str, str]]) -> tuple[Verdict, list[str]]:
    """One verdict of (verdict, reason) pairs: blocked before failed before passed; usage errors count as blocked.

    Returns:
        The verdict, and the reasons of what did not pass, without repetitions: the blocked ones first, of each kind the
        regressions. No outcome at all is blocked: nothing was tested.
    """
    found = [("blocked" if verdict not in ("passed", "failed") else verdict, reason) for verdict, reason in outcomes]
    if not found:
        return "blocked", ["No check ran."]
    # A regression is what a gate is for: it is never below what a list leaves out.
    found.sort(key=lambda outcome: not outcome[1].startswith(REGRESSION))
    ordered = [reason for wanted in ("blocked", "failed") for verdict, reason in found if verdict == wanted]
    for verdict in ("blocked", "failed"):
        if any(each == verdict for each, _ in found):
            return verdict, list(dict.fromkeys(ordered))
    return "passed", []


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a record so that a reader never sees half of it.

    Raises:
        ConfigError: the file cannot be written.
    """
    write_atomically(path, (json.dumps(record, indent=1, allow_nan=False) + "\n").encode())


def read_record(path: Path) -> dict[str, Any]:
    """A record that was checked against its schema.

    Raises:
        ConfigError: missing, too big, not JSON, not a run record, of another schema version, or malformed.
    """
    try:
        size = path.stat().st_size
        if size > MAX_RECORD_BYTES:
            raise ConfigError(f"{path} has {size} bytes; records are read up to {MAX_RECORD_BYTES}.", remedy=_REMEDY)
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", remedy=_REMEDY) from error
    return check_record(content, str(path))


def check_record(content: bytes, where: str) -> dict[str, Any]:
    """A record from its bytes; `where` names them. Raises ConfigError as read_record does."""
    try:
        record: dict[str, Any] = json.loads(
            content, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole
        )
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is not a run record: it is no valid JSON ({error}).", remedy=_REMEDY) from error
    schema = record.get("schema") if isinstance(record, dict) else None
    if not isinstance(schema, str) or not schema.startswith(_PREFIX):
        raise ConfigError(f"{where} is not a run record.", remedy=_REMEDY)
    if schema != SCHEMA:
        raise ConfigError(
            f"{where} has schema {schema!r}; this version reads {SCHEMA!r}.",
            remedy="Use the version of pytest-stm32pose that wrote it.",
        )
    problem = first_error(record, record_schema())
    if problem:
        raise ConfigError(f"{where} is not a valid run record, {problem}.", remedy=_REMEDY)
    return record


def record_schema() -> dict[str, Any]:
    """The JSON schema of the record."""
    text = resources.files("pytest_stm32pose").joinpath("record.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


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
