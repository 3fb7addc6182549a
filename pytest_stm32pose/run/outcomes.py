"""What the tests of a run came to. Of a test that ran several times (pytest-rerunfailures), the last attempt counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_stm32pose.errors import PoseError

Outcome = tuple[str, str]
#: Why a test shows nothing that pytest.mark.xfail let fail.
EXPECTED_FAILURE = "it failed as it was expected to"


class Outcomes:
    """Failures by test; an attempt that a later one replaced is not forgotten, it only does not count."""

    def __init__(self) -> None:
        self.test = ""  #: node id of the test that runs
        self.passed = 0
        self._failed: dict[str, list[Outcome]] = {}
        self._replaced: dict[str, list[Outcome]] = {}
        self._skipped: dict[str, str] = {}
        self._ran_elsewhere = False
        self._not_run: dict[tuple[str, str], str] = {}

    def begin(self, test: str) -> bool:
        """A test begins. Returns whether it failed before."""
        self.test = test
        before = self._failed.pop(test, [])
        self._replaced.setdefault(test, []).extend(before)
        return bool(before)

    def add(self, test: str, error: BaseException | None, cut_off_by: BaseException | None = None) -> None:
        """A test failed or could not run. One that was cut off while it spoke to a board says nothing of the board."""
        if cut_off_by is not None:
            outcome = "blocked", f"{test}: {_first_line(cut_off_by)} (in the middle of a request to the board)"
        elif isinstance(error, PoseError):
            outcome = error.verdict, _first_line(error)
        else:
            outcome = "failed", f"{test}: {_first_line(error)}"
        self._failed.setdefault(test, []).append(outcome)

    def skip(self, test: str, why: str) -> None:
        """A test that needs a board was skipped, or failed as it was expected to."""
        self._skipped[test] = why

    def add_not_run(self, model: str, board: str, error: PoseError) -> None:
        """A row of the zoo did not run on a board; the first reason stays."""
        self._not_run.setdefault((model, board), str(error))

    @property
    def not_run(self) -> Mapping[tuple[str, str], str]:
        """Why rows of the zoo did not run, by row and board."""
        return self._not_run

    def reword(self, was: str, now: str) -> None:
        """More is known of a cause than when the tests failed."""
        for test, outcomes in self._failed.items():
            self._failed[test] = [(verdict, reason.replace(was, now)) for verdict, reason in outcomes]

    @property
    def pairs(self) -> list[Outcome]:
        """Verdicts and reasons of what failed; of a run in which nothing did, one that passed."""
        failed = [outcome for outcomes in self._failed.values() for outcome in outcomes]
        return failed or [("passed", "")] * min(self.passed, 1)

    @property
    def asked(self) -> bool:
        """Whether any test wanted a board, whatever became of it."""
        return bool(self.pairs or self._skipped or self._ran_elsewhere)

    @property
    def idle(self) -> str:
        """Why nothing was tested, one sentence; "" when something was."""
        if self.pairs or self._ran_elsewhere:
            return ""
        if not self._skipped:
            return "No check ran: no test that needs a board was selected."
        count, why = len(self._skipped), list(dict.fromkeys(self._skipped.values()))
        tests = "the one test that needs a board was" if count == 1 else f"all {count} tests that need a board were"
        done = "skipped, or failed as expected" if EXPECTED_FAILURE in why else "skipped"
        return f"No check ran: {tests} {done} ({'; '.join(why[:3])}{'; ...' if len(why) > 3 else ''})."

    def export(self) -> dict[str, Any]:
        """What the other processes of a run must know of this one's, besides its record."""
        return {"ran": bool(self.pairs), "skipped": self._skipped}

    def merge(self, exported: Mapping[str, Any]) -> None:
        """Takes another process's in."""
        self._ran_elsewhere |= exported["ran"]
        self._skipped.update(exported["skipped"])

    @property
    def reruns(self) -> list[str]:
        """Why tests failed that passed when they were run again."""
        return [why for test, outcomes in self._replaced.items() if test not in self._failed for _, why in outcomes]


def _first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or ["failed"])[0] if error is not None else "failed"
