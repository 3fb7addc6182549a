"""A run against its baseline, as its record keeps it (judge/gate.py makes it)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_stm32pose.entries.codec import Entry

Outcome = Literal["same", "better", "worse", "unclear", "regression"]


@dataclass(frozen=True)
class MetricEntry(Entry):
    """One metric of one network on one board.

    Attributes:
        base, new, change, low, high: in `unit`; low and high bound the change, 95 %. All are over pictures with a
            number in both runs.
        limit: how much worse it may get, in `unit`.
        said: one sentence where something is to be said.
        infinite: pictures whose figure was finite and is infinite: a regression, whatever the others say.
    """

    name: str
    unit: str
    base: float
    new: float
    change: float
    low: float
    high: float
    limit: float
    limit_text: str
    p: float | None
    effect: float | None
    n: int
    outcome: Outcome
    said: str = ""
    infinite: int = 0


@dataclass(frozen=True)
class ComparedEntry(Entry):
    """One network on one board; `refusals` say what was not judged and why, `notes` what else differs."""

    board: str
    name: str
    metrics: tuple[MetricEntry, ...] = ()
    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ComparisonEntry(Entry):
    """A whole run against its baseline; `baseline` names it, for people.

    Attributes:
        notes: what was not asked of this run, and what its own verdict is where it did not pass.
        run_verdict: the run's own.
        unclear_means: to the gate; None: by metric.
        closed: whether a gate forbids the release; None: the version that wrote it did not say.
    """

    baseline: str
    models: tuple[ComparedEntry, ...]
    refusals: tuple[str, ...]
    notes: tuple[str, ...] = ()
    run_verdict: str = "passed"
    unclear_means: Literal["fail", "pass"] | None = None
    verdict: Literal["passed", "failed", "blocked", "unclear"]
    closed: bool | None = None
