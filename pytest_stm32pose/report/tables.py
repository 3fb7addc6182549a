"""How tables and blocks of the report are made, and how the record's lists are read. See html.py for the page.

Input is a `models` entry of the run record; every optional key may be absent. Output is markup; all text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pytest_stm32pose.record.untrusted import Entry as Entry
from pytest_stm32pose.record.untrusted import entries as entries
from pytest_stm32pose.report import figures
from pytest_stm32pose.report.markup import Html, join, tag


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


def name_of(model: Entry) -> str:
    """A network on its board, in words."""
    return f"{figures.text(model.get('name'))} on {figures.text(model.get('board'))}"


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


def budget_table(model: Entry) -> Html | None:
    """Every budget with limit, measured value and verdict; the failed ones first."""
    budgets = entries(model, "budgets")
    if not budgets:
        return None
    ordered = sorted(budgets, key=lambda budget: {False: 0, None: 1}.get(budget.get("passed"), 2))
    rows = (
        row(
            breakable(figures.text(budget.get("name"))),
            mark(budget.get("passed")),
            figures.significant(budget.get("measured")),
            _limit(budget),
            budget.get("unit") or "",
            class_="pose-row-bad" if budget.get("passed") is False else "pose-fine",
        )
        for budget in ordered
    )
    return table(f"Budgets of {name_of(model)}", ("Budget", "Result", "Measured", "Limit", "Unit"), rows)


def _limit(budget: Entry) -> str:
    name = str(budget.get("name"))
    sign = "\u2265 " if name.endswith("_min") else "\u2264 " if name.endswith("_max") else ""
    origin = budget.get("origin")
    return sign + figures.significant(budget.get("limit")) + (f" ({origin})" if origin else "")


def breakable(name: str) -> Html:
    """A technical name as code that may wrap after its underscores and slashes."""
    parts = re.split(r"(?<=[_/])", name)
    return tag("code", join(parts, Html("<wbr>")))


def pictures(model: Entry) -> list[Entry]:
    """The pictures of a model."""
    return entries(model, "images")


def worst_first(images: Iterable[Entry]) -> list[Entry]:
    """Pictures by what is looked for first: most differing elements, then lowest OKS vs golden, then vs truth."""

    def key(image: Entry) -> tuple[float, float, float]:
        golden, truth = image.get("oks_vs_golden"), image.get("oks_vs_truth")
        return (
            -float(difference(entries(image, "tensors"))[0] or 0),
            float(golden) if figures.is_number(golden) else 2.0,
            float(truth) if figures.is_number(truth) else 2.0,
        )

    return sorted(images, key=key)


def difference(tensors: Iterable[Entry]) -> tuple[int | None, int | None]:
    """Differing elements and the largest difference in LSB over `tensors`; None for what none of them says."""
    compared = list(tensors)
    differing = [int(value) for each in compared if figures.is_number(value := each.get("differing"))]
    largest = [int(value) for each in compared if figures.is_number(value := each.get("max_lsb"))]
    return sum(differing) if differing else None, max(largest, default=None)
