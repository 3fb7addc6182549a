"""A comparison with a baseline, as the record keeps it, as a table: terminal or Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_stm32pose.limits import METRICS

HEADS = ("", "Network", "Board", "Metric", "Baseline", "Run", "Change", "95 % interval", "Allowed", "p")
_SIGNS = {"same": "=", "better": "+", "worse": "-", "unclear": "?", "regression": "REGRESSION"}
_FORMS = {metric.name: metric.form for metric in METRICS}


def terminal_lines(comparison: Mapping[str, Any]) -> list[str]:
    """Baseline, table, what else differs, what could not be compared, verdict."""
    rows = list(rows_of(comparison))
    lines = [f"baseline: {comparison['baseline']}"]
    if rows:
        widths = [max(len(row[i]) for row in (HEADS, *rows)) for i in range(len(HEADS))]
        lines += [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in (HEADS, *rows)
        ]
    return [
        *lines,
        *(f"  {line}" for line in remarks(comparison)),
        f"compared with the baseline: {comparison['verdict']}",
    ]


def markdown(comparison: Mapping[str, Any], escape: Any) -> list[str]:
    """The same for a job summary; `escape` makes text of a record harmless."""
    rows = list(rows_of(comparison))
    lines = ["", f"### Compared with {escape(comparison['baseline'])}: {comparison['verdict']}", ""]
    for row in (HEADS, ("---",) * len(HEADS), *rows) if rows else ():
        lines.append(f"| {' | '.join(cell if row[0] == '---' else escape(cell) for cell in row)} |")
    return [*lines, "", *(f"- {escape(line)}" for line in remarks(comparison))]


def rows_of(comparison: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """One row of text per metric, in the order of HEADS."""
    for model in comparison["models"]:
        for metric in model["metrics"]:
            form = _FORMS.get(metric["name"], ".4f")
            exact = metric["low"] == metric["high"]
            yield (
                _SIGNS[metric["outcome"]],
                model["name"],
                model["board"],
                metric["name"],
                format(metric["base"], form),
                f"{metric['new']:{form}} {metric['unit']}".rstrip(),
                _change(metric, form),
                "exact" if exact else f"{metric['low']:+{form}} to {metric['high']:+{form}}",
                metric["limit_text"],
                "" if metric["p"] is None else "< 0.0001" if metric["p"] < 1e-4 else f"{metric['p']:.4f}",
            )


def _change(metric: Mapping[str, Any], form: str) -> str:
    if metric["change"] == 0:
        return "0"
    relative = f" ({metric['change'] / metric['base']:+.2%})" if metric["base"] else ""
    return f"{metric['change']:+{form}}{relative}"


def remarks(comparison: Mapping[str, Any]) -> list[str]:
    """Sentences: refusals first, then what a metric has to say, then what else differs."""
    found = [f"not compared: {why}" for why in comparison["refusals"]]
    for model in comparison["models"]:
        where = f"{model['name']} on {model['board']}"
        found += [f"not compared: {where}: {why}" for why in model["refusals"]]
        found += [f"{where}: {metric['said']}" for metric in model["metrics"] if metric["said"]]
        found += [f"{where}: {note}" for note in model["notes"]]
    return found
