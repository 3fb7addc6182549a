"""What the plugin keeps in pytest's config, and the run of this process."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from pytest_stm32pose.plugin.over_all import Postponing
from pytest_stm32pose.plugin.workers import News, Spool
from pytest_stm32pose.settings import Settings

if TYPE_CHECKING:
    from pytest_stm32pose.run.session import PoseRun

SETTINGS = pytest.StashKey[Settings]()
SHARED = pytest.StashKey[frozenset[str]]()
RUN = pytest.StashKey["PoseRun"]()
OVERLAYS = pytest.StashKey[list[str]]()
ATTACHED = pytest.StashKey[int]()
GATE_MARKS = pytest.StashKey[dict[str, object]]()  #: limits of the gate that markers give
SPOOL = pytest.StashKey[Spool]()
NEWS = pytest.StashKey[News]()
POSTPONING = pytest.StashKey[Postponing]()  #: in a worker of pytest-xdist
ST_CONFIG = pytest.StashKey[list[str]]()  #: what came of the file of --pose-st-config, line by line
BEGUN = pytest.StashKey[bool]()  #: of a test: the run knows that it is under way


def say(config: pytest.Config, text: str) -> None:
    """A line on the terminal in the middle of a test, whose output pytest captures."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is not None:  # the workers of pytest-xdist have none
        with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
            reporter.ensure_newline()
            reporter.write_line(text)


def run_of(config: pytest.Config) -> PoseRun:
    """The run of this process, made on first use."""
    if RUN not in config.stash:
        from pytest_stm32pose.run.session import PoseRun

        config.stash[RUN] = PoseRun(config.stash[SETTINGS], config.rootpath)
        config.stash[RUN].benches.say = lambda text: say(config, text)
    return config.stash[RUN]
