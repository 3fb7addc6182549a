"""Tests that judge all pictures of a run, and where their verdict is made.

In one process it is made in the test, which measures what nobody has measured yet. Of pytest-xdist's workers none has
all pictures, and one that measured them all would do the work of the others again: there the test's reports wait until
every worker has ended, and the controller judges the pictures of all and tells the reports then. A test is told once,
wherever it is judged: on the terminal, in JUnit files, in the HTML report, in the record, by the exit code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

from pytest_stm32pose.errors import PoseError

if TYPE_CHECKING:
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.record.over_all import Check, Said
    from pytest_stm32pose.run.session import PoseRun

FIXTURE = "pose_over_all"
_SUITE = "pytest_stm32pose.suite."
#: Board and network of a test, as its parameters name them.
_Place = tuple[object, object]
#: In a worker: numbers of the pictures that other tests of the run measure.
ELSEWHERE = pytest.StashKey[Mapping[_Place, frozenset[int]]]()
#: Of a test that has measured: what is to be judged, in its order, of which board and network.
LATER = pytest.StashKey[list[tuple["Check", str, str]]]()
#: A picture's test with one of these may never measure it.
_MAY_NOT_RUN = ("skip", "skipif", "xfail")


def measured_elsewhere(items: Iterable[pytest.Item]) -> dict[_Place, frozenset[int]]:
    """What the suite's tests of one picture each will measure, of those that were selected."""
    found: dict[_Place, set[int]] = {}
    for item in items:
        parameters = _parameters(item)
        module = getattr(getattr(item, "module", None), "__name__", "")
        may_not_run = any(item.get_closest_marker(name) for name in _MAY_NOT_RUN)
        if "pose_picture" in parameters and module.startswith(_SUITE) and not may_not_run:
            found.setdefault(_place(parameters), set()).add(parameters["pose_picture"])
    return {place: frozenset(numbers) for place, numbers in found.items()}


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec else {}


def _place(parameters: Mapping[str, Any]) -> _Place:
    return parameters.get("pose_board"), parameters.get("pose_model")


def _left_to_others(item: pytest.Item) -> frozenset[int]:
    """Pictures that the test does not measure. None where its own outcome decides what becomes of it: one that is
    expected to fail, or run again when it does (pytest-rerunfailures), must be judged while it runs."""
    if item.get_closest_marker("xfail") or _may_run_again(item):
        return frozenset()
    return item.config.stash.get(ELSEWHERE, {}).get(_place(_parameters(item)), frozenset())


def _may_run_again(item: pytest.Item) -> bool:
    config = item.config
    if not config.pluginmanager.hasplugin("rerunfailures"):
        return False
    asked = [config.getoption(name, None) for name in ("reruns", "force_reruns")]
    with contextlib.suppress(KeyError, ValueError):  # a version without the setting
        asked.append(config.getini("reruns"))
    return item.get_closest_marker("flaky") is not None or any(asked)


class OverAll:
    """What the fixture pose_over_all hands out."""

    def __init__(self, node: pytest.Item, run: PoseRun, device: Device, golden: GoldenStore) -> None:
        self._node, self._run, self._device, self._golden = node, run, device, golden

    def budgets(self) -> None:
        """Judges the budgets of the run (--pose-budget). Fails the test; raises ConfigError for one that cannot be."""
        __tracebackhide__ = True
        self._run.verdict.check_limits(self._device)
        self._judge("budgets")

    def as_the_golden(self) -> None:
        """Judges whether device and golden are equally accurate. Fails the test, or skips it without labels."""
        __tracebackhide__ = True
        self._judge("as_the_golden")

    def _judge(self, check: Check) -> None:
        __tracebackhide__ = True
        ids, others = self._run.pictures.ids, _left_to_others(self._node)
        leaving = {ids[number] for number in others}
        for _ in self._run.measurements.measure_all(self._device, self._golden, leaving):
            pass
        board, sha256 = self._device.board.spec.name, self._device.network.description.sha256
        if others:
            self._node.stash.setdefault(LATER, []).append((check, board, sha256))
            return
        said = self._run.verdict.over_all(check, board, sha256)
        if said.outcome == "failed":
            pytest.fail(said.text, pytrace=False)
        if said.outcome == "skipped":
            pytest.skip(said.text)


@pytest.fixture
def pose_over_all(
    request: pytest.FixtureRequest, pose_run: PoseRun, pose_device: Device, pose_golden: GoldenStore
) -> OverAll:
    """Judges all pictures of the run, each measured once: `pose_over_all.budgets()`, `pose_over_all.as_the_golden()`.
    The last thing that a test does: under pytest-xdist the verdict comes when all workers have ended.
    """
    return OverAll(request.node, pose_run, pose_device, pose_golden)


class Postponing:
    """In a worker of pytest-xdist; registered as a plugin. Keeps the reports of tests that are judged later."""

    def __init__(self) -> None:
        self.kept: list[dict[str, object]] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Now every other plugin (--lf, --stepwise) has deselected what it wants."""
        session.config.stash[ELSEWHERE] = measured_elsewhere(session.items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        if FIXTURE not in getattr(item, "fixturenames", ()) or not _left_to_others(item):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        later = item.stash.get(LATER, None)
        if later is not None and all(report.passed for report in reports if report.when == "call"):
            to_json = item.config.hook.pytest_report_to_serializable
            told = [to_json(config=item.config, report=report) for report in reports]
            self.kept.append({"judge": [list(each) for each in later], "reports": told})
        else:
            for report in reports:
                item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True


def tell(config: pytest.Config, run: PoseRun, node: object, kept: Mapping[str, Any]) -> None:
    """The controller's: judges what a worker's test left to it, and tells the test's reports.

    Args:
        node: pytest-xdist's, of the worker.
        kept: of Postponing.
    """
    from_json = config.hook.pytest_report_from_serializable
    reports: Sequence[pytest.TestReport] = [from_json(config=config, data=data) for data in kept["reports"]]
    error: BaseException | None = None
    try:
        said = _said(run, kept["judge"])
        error = AssertionError(said.text) if said.outcome == "failed" else None
    except PoseError as problem:
        said, error = _blocked(problem), problem
    for report in reports:
        # As pytest-xdist does, for whoever asks which worker it was.
        report.node = node  # type: ignore[attr-defined]
        if report.when == "call":
            _put(report, said)
            if error is not None:
                run.add_failure(report.nodeid, error)
            elif report.skipped:
                run.outcomes.skip(report.nodeid, said.text)
        config.hook.pytest_runtest_logreport(report=report)


def _said(run: PoseRun, judgements: Sequence[tuple[Check, str, str]]) -> Said:
    """The first that did not pass, as it would have ended the test; else the last."""
    for judgement in judgements:
        said = run.verdict.over_all(*judgement)
        if said.outcome != "passed":
            break
    return said


def _blocked(error: PoseError) -> Said:
    from pytest_stm32pose.record.over_all import Said

    return Said("failed", f"{error.verdict}: {error}")


def _put(report: pytest.TestReport, said: Said) -> None:
    report.outcome = said.outcome
    if said.outcome == "failed":
        report.longrepr = said.text
    elif said.outcome == "skipped":
        path, line, _ = report.location
        report.longrepr = path, (line or 0) + 1, f"Skipped: {said.text}"
