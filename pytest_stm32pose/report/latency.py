"""How long an inference takes: percentiles, distribution, over the run, per operator."""

from __future__ import annotations

import statistics

from pytest_stm32pose.entries.model import LatencyEntry, ModelEntry
from pytest_stm32pose.entries.run import BoardEntry
from pytest_stm32pose.judge.bound import bound_sentence
from pytest_stm32pose.report import figures, plots
from pytest_stm32pose.report.markup import Html, tag
from pytest_stm32pose.report.profile import MAX_OPERATORS, profile_html
from pytest_stm32pose.report.tables import name_of, row, table


def latency_parts(model: ModelEntry, board: BoardEntry | None = None) -> list[Html]:
    """Table, pictures, bound and profile of one network; empty when nothing was timed."""
    figures_of = [part for part in (latency_table(model), *_plots(model)) if part]
    parts = [tag("div", *figures_of, class_="pose-columns")] if figures_of else []
    if said := bound_sentence(model, board):
        parts.append(tag("p", said, class_="pose-note"))
    operators = _operator_table(model)
    if operators:
        parts.append(tag("details", tag("summary", "Operators"), profile_html(model), operators, open=True))
    return parts


def unit_of(model: ModelEntry) -> str:
    """What a network's time is counted in."""
    return (model.latency.unit if model.latency else "") or "ticks"


def _timings(model: ModelEntry) -> list[list[int]]:
    """The timed inferences of every picture that has any, in the order of the run."""
    return [list(image.timing.values) for image in model.images if image.timing and image.timing.values]


def _plots(model: ModelEntry) -> list[Html]:
    """Distribution and order; one sentence where every inference took the same."""
    timings = _timings(model)
    values = [value for each in timings for value in each]
    if len(values) < 2:
        return []
    unit = figures.text(unit_of(model))
    low, high = min(values), max(values)
    if low == high:
        same = f"All {len(values):,} inferences took exactly {low:,} {unit}: there is no distribution to draw."
        return [tag("p", same, class_="pose-note")]
    spread = f"The largest is {figures.percent((high - low) / low)} above the smallest." if low > 0 else ""
    medians = [statistics.median(each) for each in timings]
    of_pictures = f"{unit}, median of each picture" if len(values) > len(timings) else f"{unit}, each picture"
    return [
        plots.histogram("Distribution of the latency", values, low=low, high=high, unit=unit, said=spread),
        plots.in_order("Latency over the run", medians, middle=statistics.median(values), unit=of_pictures),
    ]


def latency_table(model: ModelEntry) -> Html | None:
    """Percentiles in the record's own unit; milliseconds only where ticks are silicon time."""
    latency = model.latency
    if latency is None:
        return None
    unit, source = figures.text(latency.unit), figures.text(latency.source)
    percentiles = (
        ("p50 (median)", latency.p50, _milliseconds(latency, latency.p50, latency.ms_p50)),
        ("p95", latency.p95, _milliseconds(latency, latency.p95)),
        ("p99", latency.p99, _milliseconds(latency, latency.p99)),
        ("maximum", latency.max, _milliseconds(latency, latency.max)),
    )
    timed = any(ms is not None for _, _, ms in percentiles)
    rows = [
        row(label, figures.count(ticks), *([figures.MISSING if ms is None else f"{ms:,.3f}"] if timed else []))
        for label, ticks, ms in percentiles
    ]
    clock = figures.megahertz(latency.clock_hz)
    note = f"{figures.count(latency.n)} timed inferences, source {source}, clock {clock}."
    if source == "icount":
        note += " The emulator counts executed instructions: exact and repeatable, not silicon time."
    return table(
        "Latency of one inference",
        ("Percentile", unit, *(["ms"] if timed else [])),
        rows,
        of=name_of(model),
        note=note,
    )


def _milliseconds(latency: LatencyEntry, ticks: int, given: float | None = None) -> float | None:
    if given is None and latency.source == "dwt" and latency.clock_hz:
        return ticks * 1000.0 / latency.clock_hz
    return given


def _operator_table(model: ModelEntry) -> Html | None:
    """The per-operator profile, in execution order."""
    operators = model.operators[:MAX_OPERATORS]
    if not operators:
        return None
    unit = unit_of(model)
    rows = (
        row(
            f"{entry.index} {figures.text(entry.name)}",
            figures.count(entry.p50),
            figures.percent(entry.share),
            figures.count(entry.macs or None),
            figures.MISSING if entry.per_mac is None else f"{entry.per_mac:.3f}",
            figures.kib(entry.arena_bytes or None),
        )
        for entry in operators
    )
    return table(
        "Operators",
        ("Operator", f"Median {unit}", "Share", "MACs", f"{unit.capitalize()} per MAC", "Arena"),
        rows,
        note="Indices are those of the .tflite; the share is of the sum over all operators. "
        "Arena: tensors and scratch alive while the operator runs.",
        of=name_of(model),
        tall=True,
    )
