"""The frame of the report's parts: sections with an anchor, and a foldable block per network inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pytest_stm32pose.entries.model import ModelEntry
from pytest_stm32pose.report.failures import FINE, Failures
from pytest_stm32pose.report.markup import Html, tag
from pytest_stm32pose.report.tables import name_of

#: More networks than this are folded, but for those where something failed.
MAX_OPEN = 4


def section(title: str, anchor: str, *parts: Html | None, fine: bool = False) -> Html | None:
    """A part of the page with its heading; None without content. A `fine` one is hidden by "failures only"."""
    shown = [part for part in parts if part]
    if not shown:
        return None
    css = f"pose-section {FINE}" if fine else "pose-section"
    return tag("section", tag("h2", title), *shown, class_=css, id=anchor, aria_label=title)


def per_network(
    models: Iterable[ModelEntry], failures: Failures, content: Callable[[ModelEntry], list[Html]]
) -> list[Html]:
    """One block per network that has content, under its name."""
    blocks = []
    for model in models:
        parts = content(model)
        if parts:
            fine = failures.model_is_fine(model)
            heading = tag("summary", tag("h3", name_of(model)))
            is_open = failures.of_models <= MAX_OPEN or not fine
            css = f"pose-card {FINE}" if fine else "pose-card"
            blocks.append(tag("details", heading, *parts, class_=css, open=is_open))
    return blocks
