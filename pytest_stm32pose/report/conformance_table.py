"""The conformance table of a run over the zoo (tell/conformance.py), as HTML."""

from __future__ import annotations

from pytest_stm32pose.entries.run import RunEntry, ZooEntry
from pytest_stm32pose.report import tables
from pytest_stm32pose.report.failures import FINE
from pytest_stm32pose.report.markup import Html, tag
from pytest_stm32pose.tell import conformance


def conformance_html(record: RunEntry) -> Html | None:
    """Published against measured per network and board, the remarks, and the published columns; None without a zoo."""
    found = conformance.rows(record)
    if not found:
        return None
    measured = tables.table(
        "Conformance with the published table",
        conformance.HEADS,
        (_row(row) for row in found),
        note=conformance.verdict_line(found)
        + " Published columns stand to the right of the measured ones; n counts the pictures that the figure is of.",
    )
    remarks = [
        tag("li", tag("strong", f"{row.name} on {row.board}" if row.board else row.name), f": {row.remark}")
        for row in found
        if row.remark
    ]
    published = tables.table(
        "As published",
        conformance.PUBLISHED_HEADS,
        (_published_row(entry) for entry in record.zoo),
    )
    return tag(
        "div",
        measured,
        tag("ul", *remarks, class_="pose-reasons") if remarks else None,
        tag("details", tag("summary", "The published table"), published),
        class_="pose-card",
    )


def _row(row: conformance.ConformanceRow) -> Html:
    name, *rest = conformance.cells(row)
    inside = conformance.HEADS.index("Inside") - 1
    cells: list[object] = list(rest)
    if row.inside is not None:
        words = "\N{CHECK MARK} yes" if row.inside else "! no"
        cells[inside] = tag("span", words, class_="pose-good" if row.inside else "pose-blocked")
    return tables.row(tables.breakable(name), *cells, class_="pose-row-bad" if row.reason or row.differing else FINE)


def _published_row(entry: ZooEntry) -> Html:
    name, *rest = conformance.published_cells(entry)
    return tables.row(tables.breakable(name), *rest)
