"""The run against its baseline (judge/gate.py): a table per network, intervals drawn. Optional in the record."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_stm32pose.entries.comparison import ComparedEntry, ComparisonEntry, MetricEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.judge.gate_limits import METRICS
from pytest_stm32pose.report import figures
from pytest_stm32pose.report.failures import FINE, comparison_failed
from pytest_stm32pose.report.markup import Html, join, tag
from pytest_stm32pose.report.tables import breakable, name_of, row, table

_WIDTH, _HEIGHT = 160, 20
_OUTCOMES = {
    "same": ("= same", "pose-unjudged"),
    "better": ("\N{CHECK MARK} better", "pose-good"),
    "worse": ("\N{MINUS SIGN} worse", "pose-blocked"),
    "unclear": ("? unclear", "pose-blocked"),
    "regression": ("\N{BALLOT X} regression", "pose-bad"),
}
_VERDICTS = {
    "passed": ("\N{CHECK MARK} nothing got worse than allowed", "pose-good"),
    "failed": ("\N{BALLOT X} regression", "pose-bad"),
    "blocked": ("! not everything could be compared", "pose-blocked"),
    "unclear": ("? unclear: worse than allowed, not told apart from noise", "pose-blocked"),
}
_NOTE = "Drawn: the change as a dot, its interval as a bar; grey stands for no change, red for the change allowed."
_HIGHER_IS_BETTER = {metric.name: metric.higher_is_better for metric in METRICS}


def comparison_parts(record: RunEntry) -> list[Html]:
    """Baseline, verdict, refusals, tables; empty without a comparison."""
    comparison = record.comparison
    if comparison is None:
        return []
    words, css = _words(comparison)
    name = figures.text(comparison.baseline)
    head = tag("p", "Baseline ", tag("code", name), ": ", tag("span", words, class_=css), ".")
    models = [_model(model) for model in comparison.models]
    said = [*_list("Not compared", comparison.refusals), *_list("Of the run", comparison.notes)]
    return [head, *said, *models]


def _words(comparison: ComparisonEntry) -> tuple[str, str]:
    """The verdict in words, and its class."""
    words, css = _VERDICTS[comparison.verdict]
    own = comparison.run_verdict
    if own != "passed" and comparison.verdict == own and not any(map(comparison_failed, comparison.models)):
        return f"\N{BALLOT X} the run itself {own}", css
    lets_pass = comparison.verdict == "unclear" and comparison.closed is False
    return f"{words}; the gate lets it pass" if lets_pass else words, css


def comparison_is_fine(record: RunEntry) -> bool:
    """Whether nothing regressed, is unclear or was refused."""
    return record.comparison is not None and record.comparison.verdict == "passed"


def _list(title: str, sentences: Sequence[str]) -> list[Html]:
    said = [tag("li", each) for each in sentences]
    return [tag("div", tag("h4", title), tag("ul", *said, class_="pose-reasons"))] if said else []


def _model(model: ComparedEntry) -> Html:
    rows = [_row(metric) for metric in model.metrics]
    heads = ("Metric", "Outcome", "Baseline", "Run", "Change", "95 % interval of the change", "Allowed", "p")
    grid = table("Against the baseline", heads, rows, of=name_of(model), note=_NOTE) if rows else None
    said = [metric.said for metric in model.metrics if metric.said]
    parts = [
        tag("h3", name_of(model)),
        *_list("Not compared", model.refusals),
        grid,
        *_list("What changed", said),
        *_list("What else differs", model.notes),
    ]
    css = "pose-card" if comparison_failed(model) else f"pose-card {FINE}"
    return tag("div", *parts, class_=css)


def _row(metric: MetricEntry) -> Html:
    words, css = _OUTCOMES[metric.outcome]
    unit = figures.text(metric.unit) if metric.unit else ""
    fine = FINE if metric.outcome in ("same", "better", "worse") else None
    return row(
        breakable(figures.text(metric.name)),
        tag("span", words, class_=css),
        figures.significant(metric.base),
        join((*_infinite(metric), figures.significant(metric.new), tag("small", unit)), " "),
        _signed(metric.change) + _relative(metric),
        join((_interval_svg(metric), _interval(metric)), " "),
        figures.text(metric.limit_text),
        figures.MISSING if metric.p is None else f"{metric.p:.4f}",
        class_="pose-row-bad" if metric.outcome == "regression" else fine,
    )


def _infinite(metric: MetricEntry) -> list[str]:
    """Pictures with an infinite figure; the rest of the row is of the others."""
    return [f"infinite in {metric.infinite} pictures, else"] if metric.infinite else []


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}")


def _relative(metric: MetricEntry) -> str:
    return f" ({metric.change / metric.base:+.2%})" if metric.change and metric.base else ""


def _interval(metric: MetricEntry) -> str:
    low, high = metric.low, metric.high
    return "exact" if low == high else f"{_signed(low)} to {_signed(high)}"


def _interval_svg(metric: MetricEntry) -> Html:
    """Interval, change, zero and the limit on one line; the words beside it say the same."""
    low, high, change, limit = metric.low, metric.high, metric.change, metric.limit
    worst = -limit if _HIGHER_IS_BETTER.get(metric.name) else limit
    reach = max(abs(low), abs(high), abs(change), abs(limit)) or 1.0

    def x_of(value: float) -> str:
        return f"{_WIDTH / 2 * (1 + value / reach * 0.92):.1f}"

    middle = _HEIGHT / 2
    return tag(
        "svg",
        tag("line", x1=x_of(0), x2=x_of(0), y1=1, y2=_HEIGHT - 1, class_="pose-zero"),
        tag("line", x1=x_of(worst), x2=x_of(worst), y1=1, y2=_HEIGHT - 1, class_="pose-limit"),
        tag("line", x1=x_of(low), x2=x_of(high), y1=middle, y2=middle, class_="pose-interval"),
        tag("circle", cx=x_of(change), cy=middle, r=4, class_="pose-change"),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        width=_WIDTH,
        height=_HEIGHT,
        class_="pose-interval-plot",
        aria_hidden="true",
    )
