"""`stm32pose report RECORD -o FILE.html`: one self-contained page from a run record alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.files import write_atomically
from pytest_stm32pose.report.attach import worst_overlays
from pytest_stm32pose.report.html import styles, summary_html
from pytest_stm32pose.report.markup import Html, tag

_SCHEMA = "stm32pose/run/1"


def page(record: Mapping[str, Any], pictures: Mapping[str, NDArray[np.uint8]] | None = None) -> str:
    """The document.

    Args:
        record: the run record.
        pictures: picture id -> uint8 [height, width, 3] RGB; skeletons of pictures that are not there are drawn on a
            blank canvas.

    Raises:
        ConfigError: not a run record of the schema this version reads.
    """
    schema = record.get("schema") if isinstance(record, Mapping) else None
    if schema != _SCHEMA:
        raise ConfigError(
            f"this is not a run record: its schema is {schema!r}, expected {_SCHEMA!r}.",
            remedy="Write one with pytest --pose-json=FILE.",
        )
    title = f"Pose validation: {record.get('verdict', 'no verdict')}"
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


def write_report(
    record: Mapping[str, Any], out_path: Path, pictures: Mapping[str, NDArray[np.uint8]] | None = None
) -> None:
    """Write `page(record, pictures)` atomically: a reader sees the old file or the whole new one.

    Raises:
        ConfigError: `record` is not a run record, or the file cannot be written.
    """
    write_atomically(out_path, page(record, pictures).encode("utf-8"))
