"""How long an inference takes: percentiles, distribution, over the run, per operator.

Input is a `models` entry of the run record; every optional key may be absent.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from pytest_stm32pose.report import figures, plots
from pytest_stm32pose.report.markup import Html, tag
from pytest_stm32pose.report.profile import MAX_OPERATORS, profile_html
from pytest_stm32pose.report.tables import Entry, entries, name_of, pictures, row, table


def latency_parts(model: Entry) -> list[Html]:
    """Table, pictures and profile of one network; empty when nothing was timed."""
    figures_of = [part for part in (latency_table(model), *_plots(model)) if part]
    parts = [tag("div", *figures_of, class_="pose-columns")] if figures_of else []
    operators = _operator_table(model)
    if operators:
        parts.append(tag("details", tag("summary", "Operators"), profile_html(model), operators, open=True))
    return parts


def _timings(model: Entry) -> list[list[int]]:
    """The timed inferences of every picture that has any, in the order of the run."""
    found = []
    for image in pictures(model):
        values = [int(value) for value in (image.get("timing") or {}).get("values") or () if figures.is_number(value)]
        if values:
            found.append(values)
    return found


def _plots(model: Entry) -> list[Html]:
    """Distribution and order; one sentence where every inference took the same."""
    timings = _timings(model)
    values = [value for each in timings for value in each]
    if len(values) < 2:
        return []
    unit = figures.text((model.get("latency") or {}).get("unit") or "ticks")
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


def latency_table(model: Entry) -> Html | None:
    """Percentiles in the record's own unit; milliseconds only where ticks are silicon time."""
    latency = model.get("latency")
    if not isinstance(latency, Mapping):
        return None
    unit, clock_hz = figures.text(latency.get("unit")), latency.get("clock_hz")
    labels = {"p50": "p50 (median)", "p95": "p95", "p99": "p99", "max": "maximum"}
    milliseconds = [_milliseconds(latency, key) for key in labels]
    timed = any(text != figures.MISSING for text in milliseconds)
    rows = [
        row(label, figures.count(latency.get(key)), *([ms] if timed else []))
        for (key, label), ms in zip(labels.items(), milliseconds, strict=True)
    ]
    source = figures.text(latency.get("source"))
    note = f"{figures.count(latency.get('n'))} timed inferences, source {source}, clock {figures.megahertz(clock_hz)}."
    if source == "icount":
        note += " The emulator counts executed instructions: exact and repeatable, not silicon time."
    return table(
        "Latency of one inference",
        ("Percentile", unit, *(["ms"] if timed else [])),
        rows,
        of=name_of(model),
        note=note,
    )


def _milliseconds(latency: Entry, key: str) -> str:
    given = latency.get(f"ms_{key}")
    if not figures.is_number(given) and latency.get("source") == "dwt":
        value, clock_hz = latency.get(key), latency.get("clock_hz")
        if figures.is_number(value) and figures.is_number(clock_hz) and clock_hz:
            given = value * 1000.0 / clock_hz
    return f"{given:,.3f}" if figures.is_number(given) else figures.MISSING


def _operator_table(model: Entry) -> Html | None:
    """The per-operator profile, in execution order."""
    operators = entries(model, "operators")[:MAX_OPERATORS]
    if not operators:
        return None
    unit = (model.get("latency") or {}).get("unit") or "ticks"
    rows = (
        row(
            f"{figures.text(entry.get('index'))} {figures.text(entry.get('name'))}",
            figures.count(entry.get("p50")),
            figures.percent(entry.get("share")),
            figures.count(entry.get("macs") or None),
            f"{per_mac:.3f}" if figures.is_number(per_mac := entry.get("per_mac")) else figures.MISSING,
            figures.kib(entry.get("arena_bytes") or None),
        )
        for entry in operators
    )
    return table(
        "Operators",
        ("Operator", f"Median {unit}", "Share", "MACs", f"{str(unit).capitalize()} per MAC", "Arena"),
        rows,
        note="Indices are those of the .tflite; the share is of the sum over all operators. "
        "Arena: tensors and scratch alive while the operator runs.",
        of=name_of(model),
        tall=True,
    )
