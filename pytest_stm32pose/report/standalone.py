"""`stm32pose report RECORD -o FILE.html`: one self-contained page from a run record alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.entries.run import RunEntry
from pytest_stm32pose.files import write_atomically
from pytest_stm32pose.report.attach import worst_overlays
from pytest_stm32pose.report.html import styles, summary_html
from pytest_stm32pose.report.markup import Html, tag


def page(record: RunEntry, pictures: Mapping[str, NDArray[np.uint8]] | None = None) -> str:
    """The document.

    Args:
        record: the run record.
        pictures: picture id -> uint8 [height, width, 3] RGB; skeletons of pictures that are not there are drawn on a
            blank canvas.
    """
    title = f"Pose validation: {record.verdict}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", title),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        Html(styles()),
    )
    summary = Html(summary_html(record, worst_overlays(record, (pictures or {}).get)))
    body = tag("body", tag("main", tag("h1", "Pose validation report"), summary), class_="pose-page")
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def write_report(record: RunEntry, out_path: Path, pictures: Mapping[str, NDArray[np.uint8]] | None = None) -> None:
    """Write `page(record, pictures)` atomically: a reader sees the old file or the whole new one.

    Raises:
        ConfigError: the file cannot be written.
    """
    write_atomically(out_path, page(record, pictures).encode("utf-8"))
