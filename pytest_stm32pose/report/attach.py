"""What a pytest plugin calls from pytest-html's hooks. No pytest import: the plugin passes its objects in.

pytest-html 4 puts the strings of `pytest_html_results_summary` and `html` extras into its page as they are, without
escaping; it re-creates the result rows with every sort or filter, and lists the extras of a test once per reported
phase. So: everything is escaped here, nothing needs a script, and nothing relies on element ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.entries.picture import ImageEntry
from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.report import figures
from pytest_stm32pose.report.html import shown_pictures, styles, summary_html
from pytest_stm32pose.report.layers import FAINT_BELOW, Named
from pytest_stm32pose.report.markup import Html, escape, join, tag
from pytest_stm32pose.report.overlays import overlay_html

#: Figures in the rows of tests: all of them are in the page, folded or not.
MAX_ATTACHED = 40


def results_summary(
    prefix: list[str],
    record: RunEntry | None,
    overlays: Mapping[tuple[str, str, str], str] | None = None,
) -> None:
    """For `pytest_html_results_summary(prefix, ...)`: the styles always, the record when there is one.

    Args:
        overlays: (board, model name, picture id) -> figure from `picture_overlay`.
    """
    prefix.append(styles(page=True))
    if record is not None:
        prefix.append(summary_html(record, overlays))


def worst_overlays(
    record: RunEntry,
    pixels_of: Callable[[str], NDArray[np.uint8] | None],
    made: Mapping[tuple[str, str, str], str] | None = None,
) -> dict[tuple[str, str, str], str]:
    """The figures that `results_summary` shows: (board, model name, picture id) -> figure.

    Args:
        pixels_of: the picture of an id, uint8 [height, width, 3] RGB; None when it is not at hand.
        made: figures that exist already.
    """
    overlays = {}
    for model in record.models:
        for image in shown_pictures(record, model):
            key = model.board, model.name, image.id
            overlays[key] = (made or {}).get(key) or picture_overlay(
                image, pixels_of(image.id), model.keypoint_set, model.keypoint_score
            )
    return overlays


def picture_overlay(
    image: ImageEntry,
    pixels: NDArray[np.uint8] | None,
    skeleton: Named | None = None,
    keypoint_score: float | None = None,
) -> str:
    """The figure of one `images` entry of the record.

    Args:
        image: the entry.
        pixels: uint8 [height, width, 3] RGB of the original, None when it is not at hand.
        skeleton: which keypoints they are; None: the usual set of so many.
        keypoint_score: predictions below it are drawn faintly; None: FAINT_BELOW.
    """
    size_px = (image.width_px, image.height_px) if pixels is None and image.width_px and image.height_px else None
    notes = [
        f"{label} {text}"
        for label, text in (
            ("OKS vs golden", figures.share(image.oks_vs_golden)),
            ("OKS vs truth", figures.share(image.oks_vs_truth)),
            ("largest error in px", figures.pixels(image.keypoint_error_px.max)),
        )
        if text != figures.MISSING
    ]
    if image.divergence:
        notes.append(image.divergence)
    return overlay_html(
        pixels,
        device=image.keypoints_device,
        golden=image.keypoints_golden,
        truth=image.keypoints_truth,
        size_px=size_px,
        name=figures.text(image.id),
        notes=notes,
        skeleton=skeleton,
        faint_below=FAINT_BELOW if keypoint_score is None else keypoint_score,
    )


def add_overlays(report: Any, figures_html: Sequence[str], attached: int = 0) -> None:
    """For `pytest_runtest_makereport`: the figures as one gallery in the test's row.

    Args:
        report: the TestReport; its `extras` are extended, with plain strings and dicts: pytest-xdist sends them.
        figures_html: from `picture_overlay`.
        attached: how many figures the rows before have; beyond MAX_ATTACHED a sentence stands in their place.
    """
    shown = figures_html[: max(0, MAX_ATTACHED - attached)]
    gallery = tag("div", *(Html(figure) for figure in shown), class_="pose-gallery")
    if len(shown) < len(figures_html):
        words = f"Only the first {MAX_ATTACHED} failing pictures are drawn in their rows; the worst are above."
        gallery = join((gallery, tag("p", words, class_="pose-note")))
    report.extras = [*getattr(report, "extras", []), html_extra(str(tag("div", gallery, class_="pose-report")))]


def html_extra(content: str) -> dict[str, str | None]:
    """What `pytest_html.extras.html(content)` returns, without importing pytest-html (it may not be installed)."""
    return {"name": None, "format_type": "html", "content": content, "mime_type": None, "extension": None}


def escape_test_id(report: Any, cells: list[str]) -> None:
    """For `pytest_html_results_table_row(report, cells)`: test ids hold picture names, pytest-html leaves them raw."""
    test_id = report.nodeid if report.when == "call" else f"{report.nodeid}::{report.when}"
    raw = f'<td class="col-testId">{test_id}</td>'
    cells[:] = [str(tag("td", escape(test_id), class_="col-testId")) if cell == raw else cell for cell in cells]
