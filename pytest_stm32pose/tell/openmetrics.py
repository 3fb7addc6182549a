"""A run record as OpenMetrics text, for a node exporter's textfile collector or a push gateway.

Format: OpenMetrics 1.0 (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal

from pytest_stm32pose.entries.model import LatencyEntry, ModelEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.record.accuracy import NAMES, Key, figure

VERDICTS = ("passed", "failed", "blocked")


@dataclass(frozen=True)
class _Gauge:
    """One metric of every network: name, unit (a suffix of the name, or none), help, and where its value is."""

    name: str
    unit: str
    help: str
    value: Callable[[ModelEntry], float | None]


def _certainty(key: Key) -> Iterator[_Gauge]:
    """What an accuracy figure is of: a mean of two pictures is no mean of five hundred."""
    name = f"stm32pose_{key}"
    yield _Gauge(f"{name}_pictures", "", f"Pictures that {name} is of", partial(_certain, key=key, what="n"))
    for at, words in ((0, "low"), (1, "high")):
        text = f"{words.capitalize()} end of the 95 % interval of {name}"
        yield _Gauge(f"{name}_{words}", "", text, partial(_certain, key=key, what=at))


def _certain(model: ModelEntry, key: Key, what: Literal["n"] | int) -> float | None:
    found = figure(model, key)
    if found.value is None or (what != "n" and found.bounds is None):
        return None
    return found.n if what == "n" or found.bounds is None else found.bounds[what]


_GAUGES = (
    _Gauge("stm32pose_oks_vs_golden", "", "Mean OKS of device and golden keypoints",
           lambda model: model.accuracy.oks_vs_golden),
    _Gauge("stm32pose_oks_vs_truth", "", "Mean OKS of device keypoints and labels",
           lambda model: model.accuracy.oks_vs_truth),
    _Gauge("stm32pose_map50_vs_truth", "", "mAP at OKS 0.5 of device persons",
           lambda model: model.accuracy.map50_vs_truth),
    *(gauge for key in NAMES for gauge in _certainty(key)),
    _Gauge("stm32pose_activation_bytes", "bytes", "Arena of the network", lambda model: model.activation_bytes),
    _Gauge("stm32pose_weights_bytes", "bytes", "Weights and biases", lambda model: model.weights_bytes),
    _Gauge("stm32pose_pictures", "", "Pictures measured", lambda model: len(model.images)),
    _Gauge(
        "stm32pose_differing_elements", "", "Elements of output tensors that are not the golden's",
        lambda model: sum(tensor.differing for image in model.images for tensor in image.tensors),
    ),
)  # fmt: skip


def openmetrics(record: RunEntry) -> str:
    """The text; ends with `# EOF`. Figures that were not measured are left out."""
    lines = list(_verdict(record))
    models = _named(record.models)
    for gauge in _GAUGES:
        samples = [(_labels(model), value) for model in models if (value := gauge.value(model)) is not None]
        if samples:
            lines += _family(gauge.name, gauge.help, gauge.unit)
            lines += [f"{gauge.name}{labels} {value!r}" for labels, value in samples]
    lines += _latency(models)
    return "\n".join([*lines, "# EOF"]) + "\n"


def _verdict(record: RunEntry) -> Iterator[str]:
    yield "# TYPE stm32pose_verdict stateset"
    yield "# HELP stm32pose_verdict Verdict of the run"
    for verdict in VERDICTS:
        yield f'stm32pose_verdict{{stm32pose_verdict="{verdict}"}} {int(record.verdict == verdict)}'
    yield from _family("stm32pose_started_seconds", "Start of the run, Unix time", "seconds")
    yield f"stm32pose_started_seconds {datetime.fromisoformat(record.started).timestamp()!r}"


def _named(models: Sequence[ModelEntry]) -> list[ModelEntry]:
    """Two networks of one name on one board would be one series: the second is told by its hash."""
    seen: set[tuple[str, str]] = set()
    named = []
    for model in models:
        is_second = model.key in seen
        named.append(replace(model, name=f"{model.name}@{model.sha256[:8]}") if is_second else model)
        seen.add(model.key)
    return named


def _latency(models: Sequence[ModelEntry]) -> Iterator[str]:
    """Ticks have the unit of their time source; instructions and cycles are never one series."""
    timed = [(model, model.latency) for model in models if model.latency]
    for unit in sorted({latency.unit for _, latency in timed}):
        name = f"stm32pose_latency_{unit}"
        yield from _family(name, "Ticks of one inference, nearest-rank quantiles", unit)
        for model, latency in timed:
            for quantile, value in _quantiles(latency) if latency.unit == unit else ():
                yield f"{name}{_labels(model, quantile=quantile, source=latency.source)} {value!r}"


def _quantiles(latency: LatencyEntry) -> tuple[tuple[str, int], ...]:
    return ("p50", latency.p50), ("p95", latency.p95), ("p99", latency.p99), ("max", latency.max)


def _family(name: str, text: str, unit: str) -> list[str]:
    return [f"# TYPE {name} gauge", *([f"# UNIT {name} {unit}"] if unit else []), f"# HELP {name} {text}"]


def _labels(model: ModelEntry, **more: str) -> str:
    pairs = {"board": model.board, "model": model.name, **more}
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in pairs.items()) + "}"


def _escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
