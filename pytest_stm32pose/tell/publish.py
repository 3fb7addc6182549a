"""A finished record to wherever people look besides the terminal and the report: job summary, metrics, code review."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.errors import ConfigError
from pytest_stm32pose.files import write_atomically

if TYPE_CHECKING:
    from pytest_stm32pose.entries.run import RunEntry
    from pytest_stm32pose.settings import Settings
    from pytest_stm32pose.tell.code_quality import Locate

#: Where GitHub's and GitLab's runners say that the repository is, to which paths in their reports are relative.
_CHECKOUT_VARIABLES = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


def publish(record: RunEntry, settings: Settings, environ: Mapping[str, str], root: Path) -> list[str]:
    """Writes what was asked for, and GitHub's job summary where there is one.

    Args:
        root: pytest's rootdir, to which the files of tests are relative.

    Returns:
        Lines for the terminal: on GitHub, its annotations.

    Raises:
        ConfigError: a file cannot be written.
    """
    if settings.openmetrics:
        from pytest_stm32pose.tell.openmetrics import openmetrics

        write_atomically(settings.openmetrics, openmetrics(record).encode())
    locate = locator(root, environ)
    if settings.code_quality:
        from pytest_stm32pose.tell.code_quality import code_quality

        write_atomically(settings.code_quality, code_quality(record, locate).encode())
    summary = environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        _append_summary(Path(summary), record)
    if environ.get("GITHUB_ACTIONS") != "true":
        return []
    from pytest_stm32pose.tell.code_quality import github_annotations

    return github_annotations(record, locate)


def locator(root: Path, environ: Mapping[str, str]) -> Locate:
    """Finds the files of tests in the repository; those of an installed suite are not in it."""
    named = next((environ[name] for name in _CHECKOUT_VARIABLES if environ.get(name)), None)
    checkout = Path(named or root).resolve()

    def locate(file: str) -> str | None:
        path = (root / file).resolve()
        return path.relative_to(checkout).as_posix() if path.is_file() and path.is_relative_to(checkout) else None

    return locate


def _append_summary(path: Path, record: RunEntry) -> None:
    """GitHub's file belongs to the whole job: one appends."""
    from pytest_stm32pose.tell.markdown import markdown_summary

    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(markdown_summary(record) + "\n")
    except OSError as error:
        raise ConfigError(f"The job summary {path} cannot be written: {error.strerror}.") from error
