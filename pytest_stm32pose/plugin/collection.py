"""pytest's hooks around collecting: what means nothing is refused before anything runs."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from pytest_stm32pose.errors import PoseError
from pytest_stm32pose.plugin.listing import request_of
from pytest_stm32pose.plugin.own_family import adopt, may_come
from pytest_stm32pose.plugin.stash import GATE_MARKS, NEWS, SETTINGS, run_of
from pytest_stm32pose.settings import OPTIONS

if TYPE_CHECKING:
    from pytest_stm32pose.plugin.collecting import MarkerCheck


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Refuses markers that mean nothing, of every test that was collected, and what cannot be without a board."""
    before = [item for item in items if _is_ours(item)]
    if not before:
        yield  # costs a plain pytest nothing
        return
    from pytest_stm32pose.plugin.collecting import MarkerCheck

    check = MarkerCheck(is_narrowed=any("::" in arg for arg in config.args) or bool(config.getoption("lf", False)))
    check.check(before)
    check.check_use(before)
    yield
    _judge_selected(config, check, items)
    if check.problems and not hasattr(config, "workerinput"):
        raise pytest.UsageError(*check.problems)
    if check.problems:  # a worker of pytest-xdist that raised would be a crash: the controller says it
        config.stash[NEWS].problems += check.problems
        items.clear()


def _judge_selected(config: pytest.Config, check: MarkerCheck, items: list[pytest.Item]) -> None:
    """What matters of the tests that are left, with the markers that others have added."""
    from pytest_stm32pose.plugin.collecting import fixtures_of, gate_marks

    check.check(items)
    if check.problems:
        return
    _take_up_family(config, check, items)
    if check.problems:
        return
    if config.option.collectonly:
        if config.stash[SETTINGS].boards:
            check.check_models(items, request_of(config).check_name)
    elif config.stash[SETTINGS].boards:
        check.check_models(items, lambda name: run_of(config).inputs.check_networks([name]))
    else:
        config.stash[NEWS].without_board = sum("pose_board" in fixtures_of(item) for item in items)
        check.problems += _problems_without_board(config)
    try:
        config.stash[GATE_MARKS].update(gate_marks(items))
    except PoseError as error:
        check.problems.append(str(error))
    if check.problems:
        config.stash[NEWS].without_board = 0


def _take_up_family(config: pytest.Config, check: MarkerCheck, items: list[pytest.Item]) -> None:
    """A network family that a fixture gives, and what had to wait for it (own_family.may_come)."""
    settings = config.stash[SETTINGS]
    try:
        if not may_come(config) or not (settings.boards or settings.family):
            return
        adopt(config, items)
        inputs = run_of(config).inputs
        if settings.boards and not config.option.collectonly:
            inputs.check_models()
        elif settings.family:
            inputs.check_family()
    except PoseError as error:
        check.problems.append(str(error))


def _is_ours(item: pytest.Item) -> bool:
    """Whether a test uses a fixture or marker of this package."""
    names = (*getattr(item, "fixturenames", ()), *(mark.name for mark in item.iter_markers()))
    return any(name.startswith("pose_") for name in names)


def _problems_without_board(config: pytest.Config) -> list[str]:
    """What cannot be when tests need a board and none is named."""
    settings, tests = config.stash[SETTINGS], config.stash[NEWS].without_board
    if not tests:
        return []
    need = f"{tests} test{'s need' if tests > 1 else ' needs'} a board and none is named"
    remedy = "Add --board=NAME; 'stm32pose boards' lists them."
    if settings.require_board:
        return [f"{need}, which --pose-require-board makes an error. {remedy}"]
    asked = [flag for flag in ("pose_gate", "pose_budget") if is_explicit(config, flag)]
    return [f"--{flag.replace('_', '-')} judges what a board has done: {need}. {remedy}" for flag in asked]


def is_explicit(config: pytest.Config, dest: str) -> bool:
    """Whether the user of this run gave an option: on the command line or in the environment, not in a file."""
    option = next(known for known in OPTIONS if known.dest == dest)
    return bool(config.getoption(dest)) or bool(os.environ.get(option.environment))


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    return config.stash[NEWS].lines()
