"""The run record, schema "stm32pose/run/1" (record.schema.json): building, writing, reading.

The record is the truth of a run; report, Markdown and plots are derived from it. A record that is read is untrusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.judge.budget import BudgetResult
from pytest_stm32pose.measure.divergence import Divergence
from pytest_stm32pose.metrics.detection import Matches
from pytest_stm32pose.metrics.latency import LatencySummary
from pytest_stm32pose.types import DeviceModel, FlashReport, Keypoints, MemoryStats, NetworkDescription, Timing

SCHEMA = "stm32pose/run/1"


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
