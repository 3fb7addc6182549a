"""A run record as Markdown, for job summaries and pull requests."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from pytest_stm32pose.entries.comparison import ComparisonEntry
from pytest_stm32pose.entries.model import BudgetEntry, ModelEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.judge.bound import bound_sentence
from pytest_stm32pose.record import causes
from pytest_stm32pose.record.accuracy import NAMES, figure, why_no_truth
from pytest_stm32pose.tell import comparison_text, conformance

_MAX_REASONS = 20
_HEAD = (
    "Board",
    "Network",
    "Pictures",
    "OKS vs golden",
    "OKS vs truth",
    "mAP@0.5",
    "Latency p95",
    "RAM KiB",
    "Weights KiB",
    "Budgets",
)


def markdown_summary(record: RunEntry) -> str:
    """Verdict, reasons, one row per network and board, and the budgets that were not kept.

    Args:
        record: a record from `build_record` or `read_record`.
    """
    lines = [f"## Pose validation: {_text(record.verdict)}", "", *_causes(record)]
    lines += _conformance(record)
    if record.comparison:
        lines += comparison_text.markdown(record.comparison, _text)
    if record.models:
        lines += ["", *_table(_HEAD, [_row(model) for model in record.models])]
        lines += ["", "n: pictures that a figure is of, or timed inferences; then its 95 % interval."]
        lines += [
            f"{_text(model.name)} on {_text(model.board)} has nothing vs truth: {_text(why)}."
            for model in record.models
            if (why := why_no_truth(model))
        ]
        lines += [
            f"{_text(model.name)} on {_text(model.board)}: {_text(said)}"
            for model in record.models
            if (said := bound_sentence(model, record.board(model.board)))
        ]
    failed = [
        (
            _text(model.board),
            _text(model.name),
            _text(budget.name),
            _amount(budget, budget.limit),
            _amount(budget, budget.measured),
        )
        for model in record.models
        for budget in model.budgets
        if not budget.passed
    ]
    if failed:
        lines += ["", "### Budgets not kept", "", *_table(("Board", "Network", "Budget", "Limit", "Measured"), failed)]
    return "\n".join(lines) + "\n"


def markdown_comparison(comparison: ComparisonEntry) -> str:
    """A comparison with a baseline alone."""
    return "\n".join(comparison_text.markdown(comparison, _text)).lstrip() + "\n"


def _causes(record: RunEntry) -> list[str]:
    """Every cause once, below it the worst failure and how many more there are."""
    kept, hidden = causes.split(causes.causes(record), _MAX_REASONS)
    lines = []
    for cause in kept:
        lines.append(f"- {_text(cause.line)}")
        lines += [f"  - {_text(cause.told_example)}"] if cause.example else []
        lines += [f"  - and {len(cause.rest)} more"] if cause.rest else []
    return [*lines, *([f"- and {len(hidden)} more"] if hidden else [])]


def _conformance(record: RunEntry) -> list[str]:
    """The conformance table, its remarks, and the published columns; nothing for a record of another kind of run."""
    found = conformance.rows(record)
    if not found:
        return []
    remarks = [
        f"- {_text(row.name)}{f' on {_text(row.board)}' if row.board else ''}: {_text(row.remark)}"
        for row in found
        if row.remark
    ]
    measured = [[_text(cell) for cell in conformance.cells(row)] for row in found]
    published = [[_text(cell) for cell in conformance.published_cells(entry)] for entry in record.zoo]
    return [
        *("", "### Conformance with the published table", "", conformance.verdict_line(found), ""),
        *_table(conformance.HEADS, measured),
        *(["", *remarks] if remarks else []),
        *("", "### As published", ""),
        *_table(conformance.PUBLISHED_HEADS, published),
    ]


def _row(model: ModelEntry) -> tuple[str, ...]:
    latency, budgets = model.latency, model.budgets
    kept = sum(budget.passed for budget in budgets)
    return (
        _text(model.board),
        _text(model.name),
        str(len(model.images)),
        *(_text(figure(model, key).text()) for key in NAMES),
        f"{latency.p95:,} {_text(latency.unit)} (n={latency.n})" if latency else "-",
        _number(model.activation_bytes / 1024, ",.1f"),
        _number(model.weights_bytes / 1024, ",.1f"),
        f"{kept} of {len(budgets)} kept" if budgets else "-",
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _amount(budget: BudgetEntry, value: float | None) -> str:
    return f"{_number(value, '.6g')} {_text(budget.unit)}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _text(value: str) -> str:
    """Text that stays text: one line, no markup of its own."""
    escaped = html.escape(" ".join(value.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", escaped)
