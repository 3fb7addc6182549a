"""A comparison with a baseline, as the record keeps it, as a table: terminal or Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_stm32pose.entries.comparison import ComparisonEntry, MetricEntry
from pytest_stm32pose.judge.gate_limits import METRICS
from pytest_stm32pose.tell.columns import aligned

HEADS = ("", "Network", "Board", "Metric", "Baseline", "Run", "Change", "95 % interval", "Allowed", "p")
_SIGNS = {"same": "=", "better": "+", "worse": "-", "unclear": "unclear", "regression": "REGRESSION"}
#: In which remarks stand.
_ORDER = ("regression", "unclear", "worse", "better", "same")
_FORMS = {metric.name: metric.form for metric in METRICS}


def terminal_lines(comparison: ComparisonEntry) -> list[str]:
    """Baseline, table, what else differs, what could not be compared, verdict."""
    rows = list(rows_of(comparison))
    lines = [f"baseline: {comparison.baseline}"]
    if rows:
        lines += aligned([HEADS, *rows])
    return [
        *lines,
        *(f"  {line}" for line in remarks(comparison)),
        f"compared with the baseline: {verdict_words(comparison)}",
    ]


def verdict_words(comparison: ComparisonEntry) -> str:
    """The verdict, and what is unclear where the gate lets it pass."""
    lets_pass = comparison.verdict == "unclear" and comparison.closed is False
    return f"{comparison.verdict}{', which the gate lets pass' if lets_pass else ''}"


def markdown(comparison: ComparisonEntry, escape: Callable[[str], str]) -> list[str]:
    """The same for a job summary; `escape` makes text of a record harmless."""
    rows = list(rows_of(comparison))
    lines = ["", f"### Compared with {escape(comparison.baseline)}: {verdict_words(comparison)}", ""]
    for row in (HEADS, ("---",) * len(HEADS), *rows) if rows else ():
        lines.append(f"| {' | '.join(cell if row[0] == '---' else escape(cell) for cell in row)} |")
    return [*lines, "", *(f"- {escape(line)}" for line in remarks(comparison))]


def rows_of(comparison: ComparisonEntry) -> Iterator[tuple[str, ...]]:
    """One row of text per metric, in the order of HEADS."""
    for model in comparison.models:
        for metric in model.metrics:
            form = _FORMS.get(metric.name, ".4f")
            yield (
                _SIGNS[metric.outcome],
                model.name,
                model.board,
                metric.name,
                format(metric.base, form),
                _run(metric, form),
                _change(metric, form),
                _interval(metric, form),
                metric.limit_text,
                "" if metric.p is None else "< 0.0001" if metric.p < 1e-4 else f"{metric.p:.4f}",
            )


def _run(metric: MetricEntry, form: str) -> str:
    """The run's figure; where pictures have an infinite one, that first."""
    figure = f"{metric.new:{form}} {metric.unit}".rstrip()
    if not metric.infinite:
        return figure
    others = f", else {figure}" if metric.n else ""
    return f"infinite in {metric.infinite} of {metric.infinite + metric.n}{others}"


def _interval(metric: MetricEntry, form: str) -> str:
    if metric.low == metric.high:
        return "exact" if metric.n else ""
    return f"{metric.low:+{form}} to {metric.high:+{form}}"


def _change(metric: MetricEntry, form: str) -> str:
    if metric.change == 0:
        return "0" if metric.n else ""
    relative = f" ({metric.change / metric.base:+.2%})" if metric.base else ""
    return f"{metric.change:+{form}}{relative}"


def remarks(comparison: ComparisonEntry) -> list[str]:
    """Sentences: refusals first, then what a metric has to say (regressions first), then what else differs."""
    found = [f"not compared: {why}" for why in comparison.refusals]
    for model in comparison.models:
        where = f"{model.name} on {model.board}"
        found += [f"not compared: {where}: {why}" for why in model.refusals]
        said = sorted(model.metrics, key=lambda metric: _ORDER.index(metric.outcome))
        found += [f"{where}: {metric.said}" for metric in said if metric.said]
        found += [f"{where}: {note}" for note in model.notes]
    return [*found, *comparison.notes]
