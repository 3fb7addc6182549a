"""pytest's side of the harness: options, markers, parametrisation; the hooks of the modules beside it are the plugin's.

Nothing here imports numpy, pyOCD, LiteRT or TensorFlow: a run without a board costs a plain pytest next to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_stm32pose.errors import PoseError
from pytest_stm32pose.plugin.collection import pytest_collection_modifyitems, pytest_report_collectionfinish
from pytest_stm32pose.plugin.ending import (
    ExitCode,
    pytest_html_results_summary,
    pytest_html_results_table_row,
    pytest_sessionfinish,
    pytest_terminal_summary,
)
from pytest_stm32pose.plugin.fixtures import (
    pose_board,
    pose_check,
    pose_device,
    pose_golden,
    pose_images,
    pose_model,
    pose_picture,
    pose_run,
)
from pytest_stm32pose.plugin.listing import ids_of_pictures, list_only
from pytest_stm32pose.plugin.over_all import Postponing, pose_over_all
from pytest_stm32pose.plugin.own_family import may_come, pose_family
from pytest_stm32pose.plugin.progress import ProgressReporter
from pytest_stm32pose.plugin.running import (
    pytest_runtest_call,
    pytest_runtest_makereport,
    pytest_runtest_protocol,
    pytest_runtest_setup,
)
from pytest_stm32pose.plugin.stash import GATE_MARKS, NEWS, POSTPONING, SETTINGS, SHARED, SPOOL, ST_CONFIG, run_of, say
from pytest_stm32pose.plugin.workers import Controller, News, Spool, WorkersEnd, end_orderly
from pytest_stm32pose.settings import OPTIONS, ZOO_SETS, resolve
from pytest_stm32pose.st_config.source import StConfigSource

__all__ = [
    "SETTINGS",
    "pose_board",
    "pose_check",
    "pose_device",
    "pose_family",
    "pose_golden",
    "pose_images",
    "pose_model",
    "pose_over_all",
    "pose_picture",
    "pose_run",
    "pytest_collection_modifyitems",
    "pytest_html_results_summary",
    "pytest_html_results_table_row",
    "pytest_report_collectionfinish",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
]

MARKERS = (
    "pose_model(name_or_path, ...): run the test with these networks instead of --pose-model",
    "pose_budget(name=limit, ...): budgets that pose_check applies, e.g. oks_vs_golden_min=0.99 (docs/budgets.md)",
    "pose_gate(name=limit, ...): how much worse than the baseline, e.g. latency_p50='2 %' (docs/baselines.md)",
    "pose_board(name=..., core=..., kind=..., capability=...): run only on boards of this name (or pattern), core and "
    "kind (virtual, hardware), with firmware of this capability",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("stm32pose", "pose networks on STM32 boards")
    for option in OPTIONS:
        text = f"{option.help} [ini: {option.dest}, environment: {option.environment}]"
        common: dict[str, object] = {"dest": option.dest, "default": None, "help": text}
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
    folder = config.invocation_params.dir
    st_config = StConfigSource(os.environ, folder)
    try:
        config.stash[SETTINGS] = resolve(
            lambda dest: config.getoption(dest), os.environ, config.getini, folder, st_config
        )
    except PoseError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[ST_CONFIG] = st_config.read.lines() if st_config.read else []
    config.stash[SHARED] = frozenset()
    config.stash[GATE_MARKS] = {}
    config.stash[SPOOL] = Spool(getattr(config, "workerinput", None))
    config.stash[NEWS] = News()
    config.pluginmanager.register(config.stash[NEWS], "stm32pose-news")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ExitCode(), "stm32pose-exit")
        if config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(WorkersEnd(config.stash[NEWS]), "stm32pose-workers-end")
    if hasattr(config, "workerinput"):
        config.stash[POSTPONING] = Postponing()
        config.pluginmanager.register(config.stash[POSTPONING], "stm32pose-postponing")
    if config.stash[SETTINGS].boards:
        _configure_boards(config)
        if not hasattr(config, "workerinput"):
            _register(config)
    if not {*ZOO_SETS}.isdisjoint(config.stash[SETTINGS].models):
        from pytest_stm32pose.models.zoo import expand

        models, zoo = expand(config.stash[SETTINGS].models)
        config.stash[SETTINGS] = replace(config.stash[SETTINGS], models=models, zoo=zoo)


def _register(config: pytest.Config) -> None:
    """What only the process that the user started has."""
    manager = config.pluginmanager
    reporter = ProgressReporter(lambda: _pictures_to_come(config), lambda text: say(config, text))
    manager.register(reporter, "stm32pose-progress")
    if manager.hasplugin("xdist"):
        stash = config.stash
        controller = Controller(lambda: run_of(config), stash[SHARED], stash[GATE_MARKS], stash[SPOOL])
        manager.register(controller, "stm32pose-workers")


def _pictures_to_come(config: pytest.Config) -> int:
    """On pytest-xdist's controller, which collects nothing: as many as there are when nothing is deselected."""
    settings = config.stash[SETTINGS]
    return len(run_of(config).inputs.pictures) * len(settings.boards) * max(len(settings.models), 1)


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


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Refuses what cannot run before anything is collected: unknown board, missing tool, broken model or pictures.

    Who only asks which tests there are is told of what has no test: a board, network or pictures that are not there.
    """
    if not session.config.stash[SETTINGS].boards:
        return
    end_orderly()
    try:
        if session.config.option.collectonly:
            list_only(session.config)
        else:
            run_of(session.config).inputs.preflight(networks=not may_come(session.config))
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
        names = marker.args if marker and marker.args else settings.models or ("",)  # a wrong one is refused later
        metafunc.parametrize(
            "pose_model", names, indirect=True, scope="session", ids=[_model_id(str(name)) for name in names]
        )
    if "pose_picture" in wanted:
        ids = ids_of_pictures(metafunc.config) if settings.boards else ("no-board",)
        metafunc.parametrize("pose_picture", range(len(ids)), indirect=True, scope="session", ids=list(ids))


def _model_id(name: str) -> str:
    return Path(name).stem if name else "default"


def pytest_report_header(config: pytest.Config) -> Iterable[str]:
    boards = config.stash[SETTINGS].boards
    named = [f"stm32pose: boards {', '.join(boards)}"] if boards else []
    weights = config.stash[SETTINGS].weights
    named += [f"stm32pose: weights {weights}"] if weights else []
    return [*named, *(f"stm32pose: {line}" for line in config.stash[ST_CONFIG])]
