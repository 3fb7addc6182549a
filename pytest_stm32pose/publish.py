"""A finished record to wherever people look besides the terminal and the report: job summary, metrics, code review."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.files import write_atomically

if TYPE_CHECKING:
    from pytest_stm32pose.config import Settings

#: Where findings are shown that belong to no line of a file.
DEFAULT_PLACE = "pyproject.toml"


def publish(record: Mapping[str, Any], settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """Writes what was asked for, and GitHub's job summary where there is one.

    Returns:
        Lines for the terminal: on GitHub, its annotations.

    Raises:
        ConfigError: a file cannot be written.
    """
    if settings.openmetrics:
        from pytest_stm32pose.openmetrics import openmetrics

        write_atomically(settings.openmetrics, openmetrics(record).encode())
    if settings.code_quality:
        from pytest_stm32pose.code_quality import code_quality

        write_atomically(settings.code_quality, code_quality(record, DEFAULT_PLACE).encode())
    summary = environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        _append_summary(Path(summary), record)
    if environ.get("GITHUB_ACTIONS") != "true":
        return []
    from pytest_stm32pose.code_quality import github_annotations

    return github_annotations(record)


def _append_summary(path: Path, record: Mapping[str, Any]) -> None:
    """GitHub's file belongs to the whole job: one appends."""
    from pytest_stm32pose.markdown import markdown_summary

    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(markdown_summary(record) + "\n")
    except OSError as error:
        raise ConfigError(f"The job summary {path} cannot be written: {error.strerror}.") from error
