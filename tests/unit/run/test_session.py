"""A run's parts, and the ways between them: a test that runs again, a row that cannot run, a run that is cut short."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_stm32pose.errors import DeviceError, TransportTimeout
from pytest_stm32pose.judge.budget import BudgetResult
from pytest_stm32pose.run import benches
from pytest_stm32pose.run.inputs import RunInputs
from pytest_stm32pose.run.session import PoseRun
from pytest_stm32pose.settings import Settings


class Session:
    """A BoardSession that opens nothing. What is asked of it is remembered."""

    def __init__(self, error: Exception | None = None) -> None:
        self.spec = SimpleNamespace(name="bench")
        self.flash = self.hello_or_none = None
        self.suspect = False
        self.asked: list[str] = []
        self._error = error

    def open(self) -> None:
        self.asked.append("open")

    def device(self, network: Any) -> Any:
        if self._error is not None:
            raise self._error
        return SimpleNamespace(network=network)

    def explain(self, error: Exception) -> Exception:
        self.asked.append("explain")
        return error

    def abandon(self) -> None:
        self.asked.append("abandon")

    def close(self) -> None:
        self.asked.append("close")


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """What every board of a run is."""
    made = Session()
    monkeypatch.setattr("pytest_stm32pose.boards.open.open_board", lambda *args, **kwargs: None)
    monkeypatch.setattr(benches, "session_of", lambda *args: made)
    monkeypatch.setattr(RunInputs, "firmware", lambda self, spec: None)
    return made


def run_of(tmp_path: Path, **settings: Any) -> PoseRun:
    return PoseRun(Settings(boards=("qemu-m55",), **settings), tmp_path)


def test_a_run_has_its_parts_and_is_none_of_them(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    assert PoseRun.__mro__ == (PoseRun, object)
    assert not hasattr(PoseRun, "__getattr__"), "whoever needs a part says which"
    assert run.settings is run.inputs.settings


def test_a_board_is_taken_once_and_released_at_the_end(tmp_path: Path, session: Session) -> None:
    run = run_of(tmp_path)
    assert run.benches.sessions == {} and not run.verdict.used
    taken: list[object] = [run.board("qemu-m55"), run.board("qemu-m55")]
    assert taken == [session, session]
    assert list(run.benches.sessions) == ["qemu-m55"] and run.verdict.used
    run.close()
    assert session.asked == ["open", "open", "close"]


def test_a_request_that_went_unanswered_makes_a_board_suspect_once(tmp_path: Path, session: Session) -> None:
    run = run_of(tmp_path)
    run.board("qemu-m55")
    run.benches.explain(TransportTimeout("no answer"))
    run.benches.explain(TransportTimeout("no answer"))
    assert session.suspect
    assert session.asked == ["open", "explain"], "a board that waits for its restart is not asked again"


def test_a_failure_releases_a_board_only_where_a_request_was_cut_off(tmp_path: Path, session: Session) -> None:
    run = run_of(tmp_path)
    run.board("qemu-m55")
    run.add_failure("test_one", AssertionError("the keypoints differ"))
    assert session.asked == ["open"]
    assert run.record()["verdict"] == "failed"


def test_a_row_of_the_zoo_that_does_not_run_keeps_its_first_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunInputs, "network", lambda self, model: model)
    run = run_of(tmp_path, zoo=("row",))
    for reason in ("refused", "refused again"):
        with pytest.raises(DeviceError, match=reason):
            run.device(cast(Any, Session(DeviceError(reason))), "row")
    with pytest.raises(DeviceError):
        run.device(cast(Any, Session(DeviceError("no row"))), "a network of the user's")
    assert run.outcomes.not_run == {("row", "bench"): "refused"}


def test_a_test_that_runs_again_is_not_judged_by_what_it_found_before(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    device = SimpleNamespace(
        board=SimpleNamespace(spec=SimpleNamespace(name="bench")),
        network=SimpleNamespace(description=SimpleNamespace(sha256="ab")),
    )
    measured = run.measurements.of(cast(Any, device))
    broken = BudgetResult("tensor_lsb_max", 0, 3, "LSB", passed=False)
    run.begin("test_one")
    measured.keep("test_one", [], [broken])
    run.begin("test_one")
    assert measured.budgets == [broken], "it has not failed: this is its call, after its setup"
    run.add_failure("test_one", AssertionError("3 LSB"))
    run.begin("test_one")
    assert measured.budgets == []
    assert run.measurements.by_network == {("bench", "ab"): measured}


def test_an_interrupted_run_is_blocked_once(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run.verdict.interrupted = True
    assert run.record()["verdict"] == "blocked"
    assert run.record()["reasons"] == ["the run was interrupted"]
