"""pytest's hooks at the end of a run: boards closed, record written, exit code, summary, report."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from pytest_stm32pose.plugin.collection import is_explicit
from pytest_stm32pose.plugin.stash import GATE_MARKS, NEWS, POSTPONING, RUN, SPOOL

if TYPE_CHECKING:
    from pytest_stm32pose.run.session import PoseRun


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Closes the boards and writes the record, also after an interruption."""
    config = session.config
    output: dict[str, object] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output.update(config.stash[NEWS].export())
    run, marks = config.stash.get(RUN, None), config.stash[GATE_MARKS]
    if run is None or config.stash[NEWS].problems:
        return
    broken_off = session.exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
    run.verdict.interrupted = broken_off or config.stash[NEWS].cut_short
    if not run.verdict.interrupted:
        run.complete()
    run.close()
    if output is not None:
        output["stm32pose"] = run.verdict.export()
        output["stm32pose_gate"] = marks
        output["stm32pose_later"] = config.stash[POSTPONING].kept
        if run.verdict.interrupted:  # nobody listens to workers any more
            config.stash[SPOOL].leave(run.verdict.export())
    elif session.exitstatus != pytest.ExitCode.USAGE_ERROR:
        _finish(session, run)


def _finish(session: pytest.Session, run: PoseRun) -> None:
    """Of the process that the user started: the record of all."""
    from pytest_stm32pose.judge.gate_limits import parse_limits

    config = session.config
    marks: dict[str, object] = config.stash[GATE_MARKS]
    for part in config.stash[SPOOL].take():
        run.verdict.merge(part)
    run.verdict.gate_marks = parse_limits(marks, "marker pose_gate")
    if run.settings.boards and not config.option.collectonly:
        nothing = session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
        run.verdict.demanded = nothing or any(is_explicit(config, flag) for flag in ("pose_budget", "pose_gate"))
    run.verdict.finish()


class ExitCode:
    """The one rule for the exit code: 0 only for a run that passed, or in which no test wanted a board.

    Applied after every other plugin has had its say (pytest-xdist, pytest-rerunfailures), before the summary is shown.
    """

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        result = yield
        run = session.config.stash.get(RUN, None)
        if session.config.stash[NEWS].problems:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        elif run is not None and session.exitstatus == pytest.ExitCode.OK and not run.verdict.is_green:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[NEWS].lines():
        terminalreporter.write_line(line)
    run = config.stash.get(RUN, None)
    if run is None or not run.verdict.used:
        return
    terminalreporter.section("stm32pose")
    for line in run.verdict.summary_lines():
        terminalreporter.line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    run = session.config.stash.get(RUN, None)
    if run is not None and run.verdict.used:
        prefix.extend(run.html_sections())


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_row(report: pytest.TestReport, cells: list[str]) -> None:
    """pytest-html writes test ids unescaped, and a picture's name is in them."""
    from pytest_stm32pose.report.attach import escape_test_id

    escape_test_id(report, cells)
