"""pytest's side of the harness: options, markers, parametrisation, verdict, summary and report hooks.

Nothing here imports numpy, pyOCD, LiteRT or TensorFlow: a run without a board costs a plain pytest next to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_stm32pose.config import OPTIONS, Settings, resolve
from pytest_stm32pose.errors import PoseError
from pytest_stm32pose.fixtures import (
    pose_board,
    pose_check,
    pose_device,
    pose_golden,
    pose_images,
    pose_model,
    pose_picture,
    pose_run,
)
from pytest_stm32pose.progress import PICTURE_TEST, ProgressReporter
from pytest_stm32pose.workers import Controller, Spool, end_orderly

if TYPE_CHECKING:
    from pytest_stm32pose.limits import Limit
    from pytest_stm32pose.run import PoseRun

__all__ = [
    "pose_board",
    "pose_check",
    "pose_device",
    "pose_golden",
    "pose_images",
    "pose_model",
    "pose_picture",
    "pose_run",
]

SETTINGS = pytest.StashKey[Settings]()
SHARED = pytest.StashKey[frozenset[str]]()
RUN = pytest.StashKey["PoseRun"]()
OVERLAYS = pytest.StashKey[list[str]]()
ATTACHED = pytest.StashKey[int]()
GATE_MARKS = pytest.StashKey[dict[str, Any]]()
SPOOL = pytest.StashKey[Spool]()

MARKERS = (
    "pose_model(name_or_path, ...): run the test with these networks instead of --pose-model",
    "pose_budget(name=limit, ...): budgets that pose_check applies, e.g. oks_vs_golden_min=0.99 (docs/budgets.md)",
    "pose_gate(name=limit, ...): how much worse than the baseline, e.g. latency_p50='2 %' (docs/baselines.md)",
    "pose_board(core=..., capability=...): run only on boards with this core, or firmware with this capability",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("stm32pose", "pose networks on STM32 boards")
    for option in OPTIONS:
        text = f"{option.help} [ini: {option.dest}, environment: {option.environment}]"
        common: dict[str, Any] = {"dest": option.dest, "default": None, "help": text}
        if option.kind == "list":
            group.addoption(f"--{option.flag}", action="append", metavar=option.metavar, **common)
        elif option.kind == "switch":
            group.addoption(f"--{option.flag}", action="store_true", **common)
        else:
            metavar = option.metavar or "{" + ",".join(option.choices) + "}"
            group.addoption(f"--{option.flag}", action="store", metavar=metavar, **common)
        parser.addini(option.dest, f"default of --{option.flag}", default=None)


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    try:
        config.stash[SETTINGS] = resolve(
            lambda dest: config.getoption(dest), os.environ, config.getini, config.invocation_params.dir
        )
    except PoseError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SHARED] = frozenset()
    config.stash[GATE_MARKS] = {}
    config.stash[SPOOL] = Spool(getattr(config, "workerinput", None))
    if config.stash[SETTINGS].boards:
        _configure_boards(config)
        if not hasattr(config, "workerinput"):
            _register(config)
    if "all" in config.stash[SETTINGS].models:
        from pytest_stm32pose.models.zoo import expand

        models, zoo = expand(config.stash[SETTINGS].models)
        config.stash[SETTINGS] = replace(config.stash[SETTINGS], models=models, zoo=zoo)


def _register(config: pytest.Config) -> None:
    """What only the process that the user started has."""
    manager = config.pluginmanager
    reporter = ProgressReporter(lambda: _pictures_to_come(config), lambda text: _say(config, text))
    manager.register(reporter, "stm32pose-progress")
    if manager.hasplugin("xdist"):
        stash = config.stash
        controller = Controller(lambda: _run(config), stash[SHARED], stash[GATE_MARKS], stash[SPOOL])
        manager.register(controller, "stm32pose-workers")


def _pictures_to_come(config: pytest.Config) -> int:
    """On pytest-xdist's controller, which collects nothing: as many as there are when nothing is deselected."""
    settings = config.stash[SETTINGS]
    return len(_run(config).pictures) * len(settings.boards) * max(len(settings.models), 1)


def _configure_boards(config: pytest.Config) -> None:
    """Tags become boards; those that exist once are known from now on."""
    from pytest_stm32pose.boards.catalog import board_spec, expand_tags, find_user_file

    settings = config.stash[SETTINGS]
    try:
        file = find_user_file(settings.boards_file, config.rootpath, config.invocation_params.dir)
        names = expand_tags(settings.boards, file)
        specs = [board_spec(name, file) for name in names]
    except PoseError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SETTINGS] = replace(settings, boards=names, boards_file=file)
    shared = frozenset(spec.name for spec in specs if spec.exists_once or settings.probe)
    config.stash[SHARED] = shared


def _say(config: pytest.Config, text: str) -> None:
    """A line on the terminal in the middle of a test, whose output pytest captures."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is not None:  # the workers of pytest-xdist have none
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            reporter.ensure_newline()
            reporter.write_line(text)


def _run(config: pytest.Config) -> PoseRun:
    """The run of this process, made on first use."""
    if RUN not in config.stash:
        from pytest_stm32pose.run import PoseRun

        config.stash[RUN] = PoseRun(config.stash[SETTINGS], config.rootpath)
        config.stash[RUN].say = lambda text: _say(config, text)
    return config.stash[RUN]


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Refuses what cannot run before anything is collected: unknown board, missing tool, broken model or pictures."""
    if not session.config.stash[SETTINGS].boards:
        return
    end_orderly()
    try:
        _run(session.config).preflight(build=not session.config.option.collectonly)
    except PoseError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per board, network and picture. Without a board there is one, which skips and says what to do."""
    settings = metafunc.config.stash[SETTINGS]
    wanted = metafunc.fixturenames
    if "pose_board" in wanted:
        boards = settings.boards or (None,)
        metafunc.parametrize(
            "pose_board", boards, indirect=True, scope="session", ids=[name or "no-board" for name in boards]
        )
    if "pose_model" in wanted:
        marker = metafunc.definition.get_closest_marker("pose_model")
        names = marker.args if marker and marker.args else settings.models or ("",)
        metafunc.parametrize(
            "pose_model", names, indirect=True, scope="session", ids=[_model_id(str(name)) for name in names]
        )
    if "pose_picture" in wanted:
        ids = _run(metafunc.config).pictures.ids if settings.boards else ("no-board",)
        metafunc.parametrize("pose_picture", range(len(ids)), indirect=True, scope="session", ids=list(ids))


def _model_id(name: str) -> str:
    return Path(name).stem if name else "default"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A PoseError becomes one sentence; whatever fails on a board counts for the run's verdict."""
    if call.when == "setup" and "pose_picture" in getattr(item, "fixturenames", ()):
        item.user_properties.append(PICTURE_TEST)
    report = yield
    error = call.excinfo.value if call.excinfo else None
    run = item.config.stash.get(RUN, None)
    if run is not None and call.when == "setup":
        run.begin(item.nodeid)
    if isinstance(error, PoseError) and report.failed:
        error = run.explain(error) if run is not None else error
        report.longrepr = f"{error.verdict}: {error}"
    if run is not None and "pose_board" in getattr(item, "fixturenames", ()):
        if report.failed:
            run.add_failure(item.nodeid, error)
        elif report.when == "call" and report.passed:
            run.outcomes.passed += 1
    if report.when == "call":
        _attach(item, report)
    return report


def _attach(item: pytest.Item, report: pytest.TestReport) -> None:
    """Hands the overlays of what failed in this test to pytest-html, when it writes a report."""
    overlays = [overlay for overlay in item.stash.get(OVERLAYS, []) if overlay]
    if overlays:
        from pytest_stm32pose.report.attach import add_overlays

        attached = item.config.stash.get(ATTACHED, 0)
        add_overlays(report, overlays, attached)
        item.config.stash[ATTACHED] = attached + len(overlays)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Closes the boards and writes the record, also after an interruption."""
    run = session.config.stash.get(RUN, None)
    if run is None:
        return
    run.interrupted = session.exitstatus == pytest.ExitCode.INTERRUPTED
    if not run.interrupted:
        run.localise()
    run.close()
    if hasattr(session.config, "workerinput"):
        session.config.workeroutput["stm32pose"] = run.export()  # type: ignore[attr-defined]
        session.config.workeroutput["stm32pose_gate"] = session.config.stash[GATE_MARKS]  # type: ignore[attr-defined]
        if run.interrupted:  # nobody listens to workers any more
            session.config.stash[SPOOL].leave(run.export())
    else:
        for part in session.config.stash[SPOOL].take():
            run.merge(part)
        run.gate_marks = _gate_limits(session.config)
        run.finish()
        if run.gate_closed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Limits of the gate that markers give, in the order of the tests; a later one wins."""
    for item in items:
        for marker in reversed(list(item.iter_markers("pose_gate"))):
            config.stash[GATE_MARKS].update(marker.kwargs)
    if config.stash[GATE_MARKS]:
        _gate_limits(config)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuses networks that markers name as preflight() does those of --pose-model: before a board is taken."""
    config = session.config
    asked = [spec.params for item in session.items if (spec := getattr(item, "callspec", None)) is not None]
    names = {str(params["pose_model"]) for params in asked if params.get("pose_board") and "pose_model" in params}
    try:
        if names:
            _run(config).check_networks(sorted(names))
    except PoseError as error:
        raise pytest.UsageError(str(error)) from None


def _gate_limits(config: pytest.Config) -> dict[str, Limit]:
    from pytest_stm32pose.limits import parse_limits

    marks: dict[str, Any] = config.stash[GATE_MARKS]
    try:
        return parse_limits(marks, "marker pose_gate")
    except PoseError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    run = config.stash.get(RUN, None)
    if run is None or not run.used:
        return
    terminalreporter.section("stm32pose")
    for line in run.summary_lines():
        terminalreporter.line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    run = session.config.stash.get(RUN, None)
    if run is not None and run.used:
        prefix.extend(run.html_sections())


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_row(report: pytest.TestReport, cells: list[str]) -> None:
    """pytest-html writes test ids unescaped, and a picture's name is in them."""
    from pytest_stm32pose.report.attach import escape_test_id

    escape_test_id(report, cells)


def pytest_report_header(config: pytest.Config) -> Iterable[str]:
    boards = config.stash[SETTINGS].boards
    return [f"stm32pose: boards {', '.join(boards)}"] if boards else []
