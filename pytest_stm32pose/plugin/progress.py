"""How far a long run is: pictures done, rate, time left; said seldom enough to stay readable in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SAY_EVERY_S = 15.0
#: JUnit property of the tests that judge one picture; also of those that ran in pytest-xdist's workers.
PICTURE_TEST = ("pose_test", "picture")


class Progress:
    """Counts pictures.

    Args:
        total: pictures to come; 0 when not known.
        say: takes one line.
        every_s: seconds between lines.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        total: int,
        say: Callable[[str], None],
        *,
        every_s: float = SAY_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._say, self._every_s, self._clock = total, say, every_s, clock
        self._done = 0
        self._began: float | None = None
        self._said = 0.0

    def begin(self) -> None:
        """The first picture is under way."""
        if self._began is None:
            self._began = self._said = self._clock()

    def advance(self) -> None:
        """One more picture is done."""
        self.begin()
        self._done += 1
        now = self._clock()
        if now - self._said >= self._every_s and self._done != self._total:
            self._said = now
            self._say(self.line(now))

    def line(self, now: float) -> str:
        """`12 of 80 pictures, 1.3 a second, 52 s left`."""
        taken = max(now - (self._began or now), 1e-9)
        rate = self._done / taken
        speed = f"{rate:.1f} a second" if rate >= 1 else f"{1 / max(rate, 1e-9):.1f} s each"
        if self._total < self._done or not self._total:
            return f"{self._done} pictures, {speed}"
        return f"{self._done} of {self._total} pictures, {speed}, {_duration((self._total - self._done) / rate)} left"


class ProgressReporter:
    """Progress of a pytest run; registered as a plugin.

    Args:
        pictures: how many are to come, where nothing is collected in this process.
        say: takes one line.
    """

    def __init__(self, pictures: Callable[[], int], say: Callable[[str], None]) -> None:
        self._pictures, self._say = pictures, say
        self._collected = 0
        self._progress: Progress | None = None

    def pytest_collection_finish(self, session: Any) -> None:
        """After deselection."""
        self._collected = sum("pose_picture" in getattr(item, "fixturenames", ()) for item in session.items)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if PICTURE_TEST not in report.user_properties or report.outcome == "rerun":
            return
        if self._progress is None:
            self._progress = Progress(self._collected or self._pictures(), self._say)
        if report.when == "setup":
            self._progress.begin()
        elif report.when == "call":
            self._progress.advance()


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
