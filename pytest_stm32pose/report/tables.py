"""How tables and blocks of the report are made, and which of a record's pictures come first. See html.py for the page.

Output is markup; all text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from pytest_stm32pose.entries.model import BudgetEntry, ModelEntry
from pytest_stm32pose.entries.picture import ImageEntry, TensorEntry
from pytest_stm32pose.report import figures
from pytest_stm32pose.report.markup import Html, join, tag


class Named(Protocol):
    """What has the name of a network and its board."""

    @property
    def name(self) -> str: ...

    @property
    def board(self) -> str: ...


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Html], *, of: str = "", note: str = "", tall: bool = False
) -> Html:
    """A table that scrolls inside its own container, captioned; `tall` bounds its height."""
    head = tag("thead", tag("tr", *(tag("th", text, scope="col") for text in heads)))
    name = f"{caption} of {of}" if of else caption
    hidden = tag("span", f" of {of}", class_="pose-sr") if of else None
    grid = tag("table", tag("caption", tag("span", caption, hidden)), head, tag("tbody", *rows))
    css = "pose-scroll pose-tall" if tall else "pose-scroll"
    scroll = tag("div", grid, class_=css, tabindex="0", role="group", aria_label=name)
    return tag("div", scroll, tag("p", note, class_="pose-note") if note else None, class_="pose-table")


def name_of(model: Named) -> str:
    """A network on its board, in words."""
    return f"{figures.text(model.name)} on {figures.text(model.board)}"


def facts(pairs: Sequence[tuple[str, object]]) -> Html:
    """Name and value pairs that flow to the width there is."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_="pose-facts")


def row(head: object, *cells: object, class_: str | None = None) -> Html:
    """A table row whose first cell names it."""
    name = tag("th", tag("span", head, class_="pose-name"), scope="row")
    return tag("tr", name, *(tag("td", cell) for cell in cells), class_=class_)


def mark(passed: object) -> Html:
    """A verdict in words and shape, not in colour alone; None is "not judged"."""
    if passed is None:
        return tag("span", "\N{EN DASH} not judged", class_="pose-unjudged")
    good = bool(passed)
    return tag(
        "span", "\N{CHECK MARK} pass" if good else "\N{BALLOT X} fail", class_="pose-good" if good else "pose-bad"
    )


def budget_table(model: ModelEntry) -> Html | None:
    """Every budget with limit, measured value and verdict; the failed ones first."""
    if not model.budgets:
        return None
    ordered = sorted(model.budgets, key=lambda budget: budget.passed)
    rows = (
        row(
            breakable(figures.text(budget.name)),
            mark(budget.passed),
            figures.significant(budget.measured),
            _limit(budget),
            budget.unit,
            class_="pose-fine" if budget.passed else "pose-row-bad",
        )
        for budget in ordered
    )
    return table(f"Budgets of {name_of(model)}", ("Budget", "Result", "Measured", "Limit", "Unit"), rows)


def _limit(budget: BudgetEntry) -> str:
    name = budget.name
    sign = "\u2265 " if name.endswith("_min") else "\u2264 " if name.endswith("_max") else ""
    return sign + figures.significant(budget.limit) + (f" ({budget.origin})" if budget.origin else "")


def breakable(name: str) -> Html:
    """A technical name as code that may wrap after its underscores and slashes."""
    parts = re.split(r"(?<=[_/])", name)
    return tag("code", join(parts, Html("<wbr>")))


def worst_first(images: Iterable[ImageEntry]) -> list[ImageEntry]:
    """Pictures by what is looked for first: most differing elements, then lowest OKS vs golden, then vs truth."""

    def key(image: ImageEntry) -> tuple[float, float, float]:
        golden, truth = image.oks_vs_golden, image.oks_vs_truth
        return (
            -float(difference(image.tensors)[0] or 0),
            2.0 if golden is None else float(golden),
            2.0 if truth is None else float(truth),
        )

    return sorted(images, key=key)


def difference(tensors: Iterable[TensorEntry]) -> tuple[int | None, int | None]:
    """Differing elements and the largest difference in LSB over `tensors`; None for what none of them says."""
    compared = list(tensors)
    largest = [each.max_lsb for each in compared if each.max_lsb is not None]
    return sum(each.differing for each in compared) if compared else None, max(largest, default=None)
