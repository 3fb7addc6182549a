"""A run record as OpenMetrics text, for a node exporter's textfile collector or a push gateway.

Format: OpenMetrics 1.0 (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from pytest_stm32pose.record.accuracy import NAMES, figure

Entry = Mapping[str, Any]
VERDICTS = ("passed", "failed", "blocked")


@dataclass(frozen=True)
class _Gauge:
    """One metric of every network: name, unit (a suffix of the name, or none), help, and where its value is."""

    name: str
    unit: str
    help: str
    value: Callable[[Entry], float | None]


def _accuracy(key: str) -> Callable[[Entry], float | None]:
    return lambda model: model["accuracy"].get(key)


def _certainty(key: str) -> Iterator[_Gauge]:
    """What an accuracy figure is of: a mean of two pictures is no mean of five hundred."""
    name = f"stm32pose_{key}"
    yield _Gauge(f"{name}_pictures", "", f"Pictures that {name} is of", partial(_certain, key=key, what="n"))
    for at, words in ((0, "low"), (1, "high")):
        text = f"{words.capitalize()} end of the 95 % interval of {name}"
        yield _Gauge(f"{name}_{words}", "", text, partial(_certain, key=key, what=at))


def _certain(model: Entry, key: str, what: Literal["n"] | int) -> float | None:
    found = figure(model, key)
    if found.value is None or (what != "n" and found.bounds is None):
        return None
    return found.n if what == "n" or found.bounds is None else found.bounds[what]


def _key(key: str) -> Callable[[Entry], float | None]:
    return lambda model: model[key]


_GAUGES = (
    _Gauge("stm32pose_oks_vs_golden", "", "Mean OKS of device and golden keypoints", _accuracy("oks_vs_golden")),
    _Gauge("stm32pose_oks_vs_truth", "", "Mean OKS of device keypoints and labels", _accuracy("oks_vs_truth")),
    _Gauge("stm32pose_map50_vs_truth", "", "mAP at OKS 0.5 of device persons", _accuracy("map50_vs_truth")),
    *(gauge for key in NAMES for gauge in _certainty(key)),
    _Gauge("stm32pose_activation_bytes", "bytes", "Arena of the network", _key("activation_bytes")),
    _Gauge("stm32pose_weights_bytes", "bytes", "Weights and biases", _key("weights_bytes")),
    _Gauge("stm32pose_pictures", "", "Pictures measured", lambda model: len(model["images"])),
    _Gauge(
        "stm32pose_differing_elements", "", "Elements of output tensors that are not the golden's",
        lambda model: sum(tensor["differing"] for image in model["images"] for tensor in image["tensors"]),
    ),
)  # fmt: skip


def openmetrics(record: Entry) -> str:
    """The text; ends with `# EOF`. Figures that were not measured are left out."""
    lines = list(_verdict(record))
    models = _named(record["models"])
    for gauge in _GAUGES:
        samples = [(_labels(model), value) for model in models if (value := gauge.value(model)) is not None]
        if samples:
            lines += _family(gauge.name, gauge.help, gauge.unit)
            lines += [f"{gauge.name}{labels} {value!r}" for labels, value in samples]
    lines += _latency(models)
    return "\n".join([*lines, "# EOF"]) + "\n"


def _verdict(record: Entry) -> Iterator[str]:
    yield "# TYPE stm32pose_verdict stateset"
    yield "# HELP stm32pose_verdict Verdict of the run"
    for verdict in VERDICTS:
        yield f'stm32pose_verdict{{stm32pose_verdict="{verdict}"}} {int(record["verdict"] == verdict)}'
    yield from _family("stm32pose_started_seconds", "Start of the run, Unix time", "seconds")
    yield f"stm32pose_started_seconds {datetime.fromisoformat(record['started']).timestamp()!r}"


def _named(models: Sequence[Entry]) -> list[Entry]:
    """Two networks of one name on one board would be one series: the second is told by its hash."""
    seen: set[tuple[str, str]] = set()
    named = []
    for model in models:
        key = (model["board"], model["name"])
        named.append({**model, "name": f"{model['name']}@{model['sha256'][:8]}"} if key in seen else model)
        seen.add(key)
    return named


def _latency(models: Sequence[Entry]) -> Iterator[str]:
    """Ticks have the unit of their time source; instructions and cycles are never one series."""
    models = [model for model in models if model["latency"]]
    for unit in sorted({model["latency"]["unit"] for model in models}):
        name = f"stm32pose_latency_{unit}"
        yield from _family(name, "Ticks of one inference, nearest-rank quantiles", unit)
        for model in models:
            if model["latency"]["unit"] != unit:
                continue
            for quantile in ("p50", "p95", "p99", "max"):
                labels = _labels(model, quantile=quantile, source=model["latency"]["source"])
                yield f"{name}{labels} {model['latency'][quantile]!r}"


def _family(name: str, text: str, unit: str) -> list[str]:
    return [f"# TYPE {name} gauge", *([f"# UNIT {name} {unit}"] if unit else []), f"# HELP {name} {text}"]


def _labels(model: Entry, **more: str) -> str:
    pairs = {"board": model["board"], "model": model["name"], **more}
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in pairs.items()) + "}"


def _escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
