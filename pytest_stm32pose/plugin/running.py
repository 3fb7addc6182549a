"""pytest's hooks around one test: which boards it is for, whether it has shown anything, what its failure means."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_stm32pose.errors import ConfigError, PoseError
from pytest_stm32pose.plugin.progress import PICTURE_TEST
from pytest_stm32pose.plugin.stash import ATTACHED, BEGUN, OVERLAYS, RUN
from pytest_stm32pose.run.outcomes import EXPECTED_FAILURE


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """The picture of the test behind this one, where it is the same test with another picture, can be made ready."""
    run = item.config.stash.get(RUN, None)
    if run is not None:
        run.measurements.ahead.expect(None if nextitem is None else _next_picture(item, nextitem))
    return (yield)


def _next_picture(item: pytest.Item, nextitem: pytest.Item) -> int | None:
    """Its number; None unless both tests are of one function that measures, on one board and network."""
    if not {"pose_check", "pose_picture"} <= {*getattr(nextitem, "fixturenames", ())}:
        return None
    if getattr(item, "function", None) is not getattr(nextitem, "function", None):
        return None
    if any(nextitem.iter_markers(name="skip")) or any(nextitem.iter_markers(name="skipif")):
        return None
    mine, other = ({**each.callspec.params} for each in (item, nextitem))  # type: ignore[attr-defined]
    mine.pop("pose_picture")
    number: int = other.pop("pose_picture")
    return number if mine == other else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what a pose_board marker keeps from this board, before its fixtures are made."""
    run, parameters = item.config.stash.get(RUN, None), getattr(item, "callspec", None)
    if run is None:
        return
    run.begin(item.nodeid)
    item.stash[BEGUN] = True
    name = parameters.params.get("pose_board") if parameters else None
    marks = list(item.iter_markers("pose_board"))
    if name is None or not marks:
        return
    from pytest_stm32pose.plugin.markers import closest, wish

    asked = wish(closest(marks))
    reason = asked.misfit(run.inputs.spec(name))
    if not reason and asked.capability:
        reason = asked.lacking(name, run.benches.board(name).hello.capabilities)
    if reason:
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A test that passed and has shown nothing has not passed."""
    result = yield
    check = getattr(item, "funcargs", {}).get("pose_check")
    if check is not None and check.idle:
        raise ConfigError(f"{item.nodeid}: {check.idle}", remedy="Call pose_check(picture) for at least one picture.")
    return result


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
    if run is not None and call.when == "setup" and not item.stash.get(BEGUN, False):
        run.begin(item.nodeid)  # another plugin kept it from being set up
    if call.when == "teardown":
        item.stash[BEGUN] = False
    if isinstance(error, PoseError) and report.failed:
        error = run.benches.explain(error) if run is not None else error
        report.longrepr = f"{error.verdict}: {error}"
    if run is not None and run.settings.boards and "pose_board" in getattr(item, "fixturenames", ()):
        if report.failed:
            run.add_failure(item.nodeid, error)
        elif report.skipped:
            run.outcomes.skip(item.nodeid, _why_skipped(report))
        elif report.when == "call" and report.passed:
            run.outcomes.passed += 1
    if report.when == "call":
        _attach(item, report)
    return report


def _why_skipped(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return EXPECTED_FAILURE
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return why.removeprefix("Skipped: ").rstrip(".")


def _attach(item: pytest.Item, report: pytest.TestReport) -> None:
    """Hands the overlays of what failed in this test to pytest-html, when it writes a report."""
    overlays = [overlay for overlay in item.stash.get(OVERLAYS, []) if overlay]
    if overlays:
        from pytest_stm32pose.report.attach import add_overlays

        attached = item.config.stash.get(ATTACHED, 0)
        add_overlays(report, overlays, attached)
        item.config.stash[ATTACHED] = attached + len(overlays)
