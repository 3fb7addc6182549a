"""What a gate judges, and how much worse each metric may get: defaults, a TOML file, markers.

A TOML file (a table `[gate]`, or `[tool.stm32pose.gate]` of a pyproject.toml):

    [gate]
    oks_vs_truth = 0.005          # in the metric's unit
    latency_p50 = "1 %"           # of the baseline
    [gate.board.n6]
    latency_p95 = "5 %"
    [gate.model.st_movenet_lightning_heatmaps_192_int8_pc]
    oks_vs_truth = 0.01
"""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_stm32pose.errors import ConfigError

if TYPE_CHECKING:
    from pytest_stm32pose.entries.model import AccuracyEntry, LatencyEntry, ModelEntry
    from pytest_stm32pose.entries.picture import ImageEntry, TensorEntry
    from pytest_stm32pose.entries.run import FirmwareEntry, RunEntry

_PERCENT = re.compile(r"(\d{1,9}(?:\.\d+)?)\s*%")
#: TOML's whole numbers may be ones that no float holds.
_LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Limit:
    """How much worse: `value` in the metric's unit, or per cent of the baseline."""

    value: float
    percent: bool = False
    unit: str = ""

    def amount(self, base: float) -> float:
        return abs(base) * self.value / 100 if self.percent else self.value

    @property
    def text(self) -> str:
        return f"{self.value:g} %" if self.percent else f"{self.value:g} {self.unit}".rstrip()


@dataclass(frozen=True)
class Metric:
    """One thing that is judged.

    Attributes:
        kind: of a value of each picture "mean", "count" (their sum) or "max"; "map", "latency", or "size" in bytes.
        value: of one picture: None where it was not measured, infinite where no number is large enough (a person lost).
        whole: the figure over all pictures, where the record keeps one.
        percent: which percentile of the latency.
        bytes_: of the network (where 0 stands for "not told") or of the firmware that ran it; None: not known.
        is_of_tensors: of output tensors, which are compared with the network's own golden.
        is_of_firmware: a size of the program, which depends on its kernels.
    """

    name: str
    kind: Literal["mean", "count", "max", "map", "latency", "size"]
    unit: str
    higher_is_better: bool
    default: Limit
    form: str = ".4f"
    value: Callable[[ImageEntry], float | None] = lambda image: None
    whole: Callable[[AccuracyEntry], float | None] = lambda accuracy: None
    percent: Literal[0, 50, 95] = 0
    bytes_: Callable[[ModelEntry, FirmwareEntry | None], int | None] = lambda model, firmware: None
    is_of_tensors: bool = False
    is_of_firmware: bool = False

    def summary(self, values: Sequence[float]) -> float:
        """The figure of several pictures, at least one."""
        return max(values) if self.kind == "max" else sum(values) / (1 if self.kind == "count" else len(values))

    def figure(self, record: RunEntry, model: ModelEntry) -> float | None:
        """Of a run, in `unit`; None where it was not measured, infinite as `value`."""
        if self.kind == "latency":
            return float(self.ticks(model.latency)) if model.latency else None
        if self.kind == "map":
            return self.whole(model.accuracy)
        if self.kind == "size":
            size = self.size(record, model)
            return None if size is None else size / 1024
        values = [value for image in model.images if (value := self.value(image)) is not None]
        return self.summary(values) if values else None

    def ticks(self, latency: LatencyEntry) -> int:
        """The percentile that a metric of latency is of."""
        return latency.p50 if self.percent == 50 else latency.p95

    def size(self, record: RunEntry, model: ModelEntry) -> float | None:
        """Bytes; None: not known."""
        board = record.board(model.board)
        found = self.bytes_(model, board.firmware if board else None)
        return None if found is None else float(found)


def _differing(image: ImageEntry) -> float | None:
    return float(sum(tensor.differing for tensor in image.tensors)) if image.tensors else None


def _worst_lsb(image: ImageEntry) -> float | None:
    return max(map(_lsb, image.tensors), default=None)


def _lsb(tensor: TensorEntry) -> float:
    """Of one tensor: infinite where no number of LSB tells; 0 of a tensor of which no element was compared."""
    if tensor.max_lsb is None:
        return math.inf if tensor.elements or tensor.differing else 0.0
    return float(tensor.max_lsb)


def _error_px(image: ImageEntry) -> float | None:
    """The mean; infinite where device and golden were asked for persons, and only one of them found any."""
    error = image.keypoint_error_px
    if error.mean is None or error.max is None:
        found = image.keypoints_device, image.keypoints_golden
        return math.inf if None not in found and any(found) else None
    return float(error.mean)


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


METRICS = (
    Metric("oks_vs_truth", "mean", "OKS", True, Limit(0.005, unit="OKS"),
           value=lambda image: _float(image.oks_vs_truth), whole=lambda accuracy: accuracy.oks_vs_truth),
    Metric("map50_vs_truth", "map", "AP", True, Limit(0.01, unit="AP"), whole=lambda accuracy: accuracy.map50_vs_truth),
    Metric("oks_vs_golden", "mean", "OKS", True, Limit(0.001, unit="OKS"),
           value=lambda image: _float(image.oks_vs_golden), whole=lambda accuracy: accuracy.oks_vs_golden),
    Metric("keypoint_error_px", "mean", "px", False, Limit(0.1, unit="px"), ".3f", value=_error_px),
    Metric("tensor_differing", "count", "elements", False, Limit(0, unit="elements"), ".0f", value=_differing,
           is_of_tensors=True),
    Metric("tensor_lsb", "max", "LSB", False, Limit(0, unit="LSB"), ".0f", value=_worst_lsb, is_of_tensors=True),
    Metric("latency_p50", "latency", "", False, Limit(1, percent=True), ",.0f", percent=50),
    Metric("latency_p95", "latency", "", False, Limit(3, percent=True), ",.0f", percent=95),
    Metric("activation_kib", "size", "KiB", False, Limit(2, percent=True), ".1f",
           bytes_=lambda model, firmware: model.activation_bytes or None),
    Metric("weights_kib", "size", "KiB", False, Limit(2, percent=True), ".1f",
           bytes_=lambda model, firmware: model.weights_bytes or None),
    Metric("firmware_flash_kib", "size", "KiB", False, Limit(5, percent=True), ".1f",
           bytes_=lambda model, firmware: firmware.flash_bytes if firmware else None,
           is_of_firmware=True),
    Metric("firmware_ram_kib", "size", "KiB", False, Limit(5, percent=True), ".1f",
           bytes_=lambda model, firmware: firmware.ram_bytes if firmware else None,
           is_of_firmware=True),
)  # fmt: skip
_BY_NAME = {metric.name: metric for metric in METRICS}


def metric_named(name: str, where: str) -> Metric:
    """Raises ConfigError, with the nearest name, where there is none."""
    if name not in _BY_NAME:
        near = difflib.get_close_matches(name, _BY_NAME, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(_BY_NAME)}."
        raise ConfigError(f"{where}: there is no metric {name!r}.", remedy=hint)
    return _BY_NAME[name]


@dataclass(frozen=True)
class Limits:
    """Limits by metric; those of a network win over those of a board, both over the general ones."""

    general: Mapping[str, Limit] = field(default_factory=dict)
    boards: Mapping[str, Mapping[str, Limit]] = field(default_factory=dict)
    models: Mapping[str, Mapping[str, Limit]] = field(default_factory=dict)

    def of(self, board: str, model: str, metric: str) -> Limit:
        for source in (self.models.get(model, {}), self.boards.get(board, {}), self.general):
            if metric in source:
                return source[metric]
        return _BY_NAME[metric].default

    def with_general(self, more: Mapping[str, Limit]) -> Limits:
        """Those of a marker: they win over the general ones of the file."""
        return Limits({**self.general, **more}, self.boards, self.models)


def parse_limits(table: Mapping[str, object], where: str) -> dict[str, Limit]:
    """Limits of one table or marker. Raises ConfigError naming place and metric."""
    return {name: _limit(name, value, where) for name, value in table.items()}


def _limit(name: str, value: object, where: str) -> Limit:
    metric = metric_named(name, where)
    percent = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if percent:
        return Limit(float(percent[1]), percent=True)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
        raise ConfigError(
            f"{where}: {name} has the limit {value!r}.",
            remedy="Give a number of at least 0, or per cent such as '1 %'.",
        )
    unit = metric.unit or "ticks"
    return Limit(float(value), unit=unit)
