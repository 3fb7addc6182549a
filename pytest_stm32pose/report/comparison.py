"""The run against its baseline (record["comparison"], gate.py): a table per network, intervals drawn.

Optional in the record; every key may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_stm32pose.judge.gate_limits import METRICS
from pytest_stm32pose.report import figures
from pytest_stm32pose.report.failures import FINE, comparison_failed
from pytest_stm32pose.report.markup import Html, join, tag
from pytest_stm32pose.report.tables import Entry, breakable, entries, name_of, row, table

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


def comparison_parts(record: Entry) -> list[Html]:
    """Baseline, verdict, refusals, tables; empty without a comparison."""
    comparison = record.get("comparison")
    if not isinstance(comparison, Mapping):
        return []
    words, css = _words(comparison)
    name = figures.text(comparison.get("baseline"))
    head = tag("p", "Baseline ", tag("code", name), ": ", tag("span", words, class_=css), ".")
    models = [_model(model) for model in entries(comparison, "models")]
    said = [*_list("Not compared", comparison.get("refusals")), *_list("Of the run", comparison.get("notes"))]
    return [head, *said, *models]


def _words(comparison: Entry) -> tuple[str, str]:
    """The verdict in words, and its class."""
    verdict = str(comparison.get("verdict"))
    words, css = _VERDICTS.get(verdict, ("no verdict", "pose-unjudged"))
    own = comparison.get("run_verdict", "passed")
    if (
        own != "passed"
        and verdict == own
        and not any(comparison_failed(each) for each in entries(comparison, "models"))
    ):
        return f"\N{BALLOT X} the run itself {own}", css
    return f"{words}; the gate lets it pass" if verdict == "unclear" and comparison.get(
        "closed"
    ) is False else words, css


def comparison_is_fine(record: Entry) -> bool:
    """Whether nothing regressed, is unclear or was refused."""
    comparison = record.get("comparison")
    return isinstance(comparison, Mapping) and comparison.get("verdict") == "passed"


def _list(title: str, sentences: Any) -> list[Html]:
    said = [tag("li", str(each)) for each in sentences] if isinstance(sentences, (list, tuple)) else []
    return [tag("div", tag("h4", title), tag("ul", *said, class_="pose-reasons"))] if said else []


def _model(model: Entry) -> Html:
    rows = [_row(metric) for metric in entries(model, "metrics")]
    heads = ("Metric", "Outcome", "Baseline", "Run", "Change", "95 % interval of the change", "Allowed", "p")
    grid = table("Against the baseline", heads, rows, of=name_of(model), note=_NOTE) if rows else None
    said = [metric.get("said") for metric in entries(model, "metrics") if metric.get("said")]
    parts = [
        tag("h3", name_of(model)),
        *_list("Not compared", model.get("refusals")),
        grid,
        *_list("What changed", said),
        *_list("What else differs", model.get("notes")),
    ]
    css = "pose-card" if comparison_failed(model) else f"pose-card {FINE}"
    return tag("div", *parts, class_=css)


def _row(metric: Entry) -> Html:
    outcome = str(metric.get("outcome"))
    words, css = _OUTCOMES.get(outcome, (figures.text(outcome), "pose-unjudged"))
    unit = figures.text(metric.get("unit")) if metric.get("unit") else ""
    change = metric.get("change")
    p = metric.get("p")
    return row(
        breakable(figures.text(metric.get("name"))),
        tag("span", words, class_=css),
        figures.significant(metric.get("base")),
        join((*_infinite(metric), figures.significant(metric.get("new")), tag("small", unit)), " "),
        _signed(change) + _relative(change, metric.get("base")),
        join((_interval_svg(metric), _interval(metric)), " "),
        figures.text(metric.get("limit_text")),
        f"{p:.4f}" if figures.is_number(p) else figures.MISSING,
        class_="pose-row-bad" if outcome == "regression" else FINE if outcome in ("same", "better", "worse") else None,
    )


def _infinite(metric: Entry) -> list[str]:
    """Pictures with an infinite figure; the rest of the row is of the others."""
    found = metric.get("infinite")
    return [f"infinite in {found} pictures, else"] if figures.is_number(found) and found else []


def _signed(value: Any) -> str:
    if not figures.is_number(value):
        return figures.MISSING
    return ("+" if value > 0 else "") + (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}")


def _relative(change: Any, base: Any) -> str:
    known = figures.is_number(change) and figures.is_number(base)
    return f" ({change / base:+.2%})" if known and change and base else ""


def _interval(metric: Entry) -> str:
    low, high = metric.get("low"), metric.get("high")
    if not figures.is_number(low) or not figures.is_number(high):
        return figures.MISSING
    return "exact" if low == high else f"{_signed(low)} to {_signed(high)}"


def _interval_svg(metric: Entry) -> Html | None:
    """Interval, change, zero and the limit on one line; the words beside it say the same."""
    known = [value for key in ("low", "high", "change", "limit") if figures.is_number(value := metric.get(key))]
    if len(known) < 4:
        return None
    low, high, change, limit = known
    worst = -limit if _HIGHER_IS_BETTER.get(str(metric.get("name"))) else limit
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
