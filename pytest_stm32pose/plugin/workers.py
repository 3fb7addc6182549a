"""pytest-xdist: which worker runs which tests, and what becomes of a worker's part when a run ends early."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_stm32pose.errors import PoseError
from pytest_stm32pose.plugin.over_all import tell

if TYPE_CHECKING:
    from pytest_stm32pose.run.session import PoseRun

_KEY = "stm32pose_spool"  #: of the folder, in what a worker is told


class Spool:
    """Where workers leave their parts of the record when the run is interrupted, and nobody listens to them any more.

    Args:
        worker_input: what pytest-xdist told this worker; None for the controller, or without workers.
    """

    def __init__(self, worker_input: Mapping[str, Any] | None) -> None:
        self._told = (worker_input or {}).get(_KEY)
        self._own: tempfile.TemporaryDirectory[str] | None = None

    def tell(self, worker_input: dict[str, object]) -> None:
        """The controller's: a worker learns the folder."""
        self._own = self._own or tempfile.TemporaryDirectory(prefix="stm32pose-")
        worker_input[_KEY] = self._own.name

    def leave(self, part: str) -> None:
        """A worker's. Too late where the controller has ended."""
        if self._told and part:
            with contextlib.suppress(OSError):
                half = Path(self._told) / f"{os.getpid()}.half"
                half.write_text(part, encoding="utf-8")
                half.rename(half.with_suffix(".json"))

    def take(self) -> list[str]:
        """The controller's, once: all parts."""
        if self._own is None:
            return []
        with self._own as folder:
            return [path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.json"))]


class News:
    """What a run has found out beside its tests; registered as a plugin.

    pytest-xdist's workers collect, all of them the same tests, and its controller tells what that showed.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []  #: usage errors
        self.without_board = 0  #: tests that need a board, where none is named
        self.cut_short = False  #: the run did not come to its end

    def export(self) -> dict[str, object]:
        """A worker's, for what it tells the controller."""
        return {"stm32pose_problems": self.problems, "stm32pose_without_board": self.without_board}

    def pytest_keyboard_interrupt(self) -> None:
        """Also by pytest.exit(), to which a test may give any exit code."""
        self.cut_short = True

    def hear(self, node: object) -> None:
        """What a worker told that has ended."""
        output = getattr(node, "workeroutput", None) or {}
        self.problems += [problem for problem in output.get("stm32pose_problems", ()) if problem not in self.problems]
        self.without_board = max(self.without_board, output.get("stm32pose_without_board", 0))

    def lines(self) -> list[str]:
        """For the terminal."""
        if self.problems:
            return [f"ERROR: {problem}" for problem in self.problems]
        if not self.without_board:
            return []
        count = self.without_board
        tests = "1 test that needs one skips" if count == 1 else f"{count} tests that need one skip"
        return [f"stm32pose: no board was named, so {tests}: --board=NAME names one, --pose-require-board asks for one"]


class WorkersEnd:
    """The controller hears what its workers found out, also without a board; registered as a plugin."""

    def __init__(self, news: News) -> None:
        self._news = news

    def pytest_testnodedown(self, node: object, error: object) -> None:
        self._news.hear(node)


class Controller:
    """pytest-xdist's hooks of the process that the user started; registered as a plugin.

    Args:
        run: the run.
        once: boards that exist once.
        gate_marks: limits that markers give; the workers' are added.
        spool: for parts that come too late.
    """

    def __init__(
        self, run: Callable[[], PoseRun], once: frozenset[str], gate_marks: dict[str, object], spool: Spool
    ) -> None:
        self._run, self._once, self._gate_marks, self._spool = run, once, gate_marks, spool
        self._later: list[tuple[object, Mapping[str, Any]]] = []  #: worker, and what its test left to be judged

    def pytest_xdist_make_scheduler(self, config: Any, log: object) -> object:
        """With the default distribution, the tests of a board that exists once stay together on one worker."""
        if not self._once or config.getoption("dist") != "load":
            return None
        from xdist.scheduler import LoadScopeScheduling

        names = sorted(self._once, key=len, reverse=True)  # n6-nucleo before n6

        class BoardScheduling(LoadScopeScheduling):  # type: ignore[misc]
            def _split_scope(self, nodeid: str) -> str:
                parameters = f"-{nodeid.rpartition('[')[2].removesuffix(']')}-"
                return next((name for name in names if f"-{name}-" in parameters), nodeid)

        return BoardScheduling(config, log)

    def pytest_configure_node(self, node: Any) -> None:
        """A worker starts."""
        self._spool.tell(node.workerinput)

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker has ended: its part of the record joins the others, or is missed."""
        output = getattr(node, "workeroutput", None)
        if output is None:
            self._run().add_failure(node.gateway.id, _died(node.gateway.id, error))
            return
        if output.get("stm32pose"):
            self._run().verdict.merge(output["stm32pose"])
        self._gate_marks.update(output.get("stm32pose_gate", {}))
        self._later += [(node, kept) for kept in output.get("stm32pose_later", ())]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """When every worker has ended, what none of them could judge."""
        result = yield
        for node, kept in self._later:
            tell(session.config, self._run(), node, kept)
        return result


def _died(worker: str, reason: object) -> PoseError:
    return PoseError(
        f"Worker {worker} of pytest-xdist ended before it could say what it measured: {reason}.",
        remedy="Look for a crash, or a time limit that ends the process.",
    )


def end_orderly() -> None:
    """A terminated run (a cancelled CI job) ends like an interrupted one: boards closed, record written."""

    def terminate(signum: int, frame: object) -> None:
        # Not pytest.exit(): its exception is an Exception, which a decoder's "except Exception" would swallow.
        raise KeyboardInterrupt("terminated by SIGTERM")

    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)
