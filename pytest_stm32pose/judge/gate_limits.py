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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_stm32pose.errors import ConfigError

Record = Mapping[str, Any]
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


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
        key: where it is in the record: of a picture, of the latency, of the model, or of the firmware.
    """

    name: str
    kind: Literal["mean", "count", "max", "map", "latency", "size"]
    key: str
    unit: str
    higher_is_better: bool
    default: Limit
    form: str = ".4f"

    @property
    def is_of_tensors(self) -> bool:
        return self.key == "tensors"

    def value(self, image: Record) -> float | None:
        """Of one picture: None where it was not measured, infinite where no number is large enough (a person lost)."""
        if self.is_of_tensors:
            tensors = image["tensors"]
            if not tensors:
                return None
            return float(sum(t["differing"] for t in tensors)) if self.kind == "count" else max(map(_lsb, tensors))
        found = image[self.key]
        if isinstance(found, Mapping):
            if None in (found["mean"], found["max"]):
                return math.inf if _has_keypoints(image) else None
            found = found["mean"]
        return None if found is None else float(found)

    def summary(self, values: Sequence[float]) -> float:
        """The figure of several pictures, at least one."""
        return max(values) if self.kind == "max" else sum(values) / (1 if self.kind == "count" else len(values))

    def figure(self, record: Record, model: Record) -> float | None:
        """Of a run, in `unit`; None where it was not measured, infinite as `value`."""
        if self.kind == "latency":
            return float(model["latency"][self.key]) if model["latency"] else None
        if self.kind == "map":
            return model["accuracy"].get("map50_vs_truth")  # type: ignore[no-any-return]
        if self.kind == "size":
            size = self.size(record, model)
            return None if size is None else size / 1024
        values = [value for image in model["images"] if (value := self.value(image)) is not None]
        return self.summary(values) if values else None

    def size(self, record: Record, model: Record) -> float | None:
        """Bytes, of the model (where 0 stands for "not told") or of the firmware that ran it; None: not known."""
        if self.key in model:
            return float(model[self.key]) or None
        board = next((board for board in record["boards"] if board["name"] == model["board"]), None)
        found = board and board["firmware"][self.key]
        return None if found is None else float(found)


def _lsb(tensor: Record) -> float:
    """Of one tensor: infinite where no number of LSB tells; 0 of a tensor of which no element was compared."""
    if tensor["max_lsb"] is None:
        return math.inf if tensor["elements"] or tensor["differing"] else 0.0
    return float(tensor["max_lsb"])


def _has_keypoints(image: Record) -> bool:
    """Whether device and golden were asked for persons, and one of them found any."""
    found = image.get("keypoints_device"), image.get("keypoints_golden")
    return None not in found and any(found)


METRICS = (
    Metric("oks_vs_truth", "mean", "oks_vs_truth", "OKS", True, Limit(0.005, unit="OKS")),
    Metric("map50_vs_truth", "map", "matches", "AP", True, Limit(0.01, unit="AP")),
    Metric("oks_vs_golden", "mean", "oks_vs_golden", "OKS", True, Limit(0.001, unit="OKS")),
    Metric("keypoint_error_px", "mean", "keypoint_error_px", "px", False, Limit(0.1, unit="px"), ".3f"),
    Metric("tensor_differing", "count", "tensors", "elements", False, Limit(0, unit="elements"), ".0f"),
    Metric("tensor_lsb", "max", "tensors", "LSB", False, Limit(0, unit="LSB"), ".0f"),
    Metric("latency_p50", "latency", "p50", "", False, Limit(1, percent=True), ",.0f"),
    Metric("latency_p95", "latency", "p95", "", False, Limit(3, percent=True), ",.0f"),
    Metric("activation_kib", "size", "activation_bytes", "KiB", False, Limit(2, percent=True), ".1f"),
    Metric("weights_kib", "size", "weights_bytes", "KiB", False, Limit(2, percent=True), ".1f"),
    Metric("firmware_flash_kib", "size", "flash_bytes", "KiB", False, Limit(5, percent=True), ".1f"),
    Metric("firmware_ram_kib", "size", "ram_bytes", "KiB", False, Limit(5, percent=True), ".1f"),
)
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


def parse_limits(table: Mapping[str, Any], where: str) -> dict[str, Limit]:
    """Limits of one table or marker. Raises ConfigError naming place and metric."""
    return {name: _limit(name, value, where) for name, value in table.items()}


def _limit(name: str, value: object, where: str) -> Limit:
    metric = metric_named(name, where)
    percent = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if percent:
        return Limit(float(percent[1]), percent=True)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ConfigError(
            f"{where}: {name} has the limit {value!r}.",
            remedy="Give a number of at least 0, or per cent such as '1 %'.",
        )
    unit = metric.unit or "ticks"
    return Limit(float(value), unit=unit)
