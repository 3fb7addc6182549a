"""What a step of a bringup reads and comes to. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["passed", "failed", "not applicable", "not reached"]
#: A value that was read, as the report has it.
Value = str | int | float | bool | None


@dataclass(frozen=True)
class Reading:
    """One value that was read, and what it should be; None: nothing is known of it."""

    name: str
    value: Value
    expected: Value = None

    @property
    def text(self) -> str:
        """For people."""
        wanted = "" if self.expected is None else f" (expected {self.expected})"
        return f"{self.name}: {self.value}{wanted}"


@dataclass
class Readings:
    """What a step has read so far, in order: also of a step that failed half-way."""

    items: list[Reading] = field(default_factory=list)

    def add(self, name: str, value: Value, expected: Value = None) -> None:
        self.items.append(Reading(name, value, expected))


@dataclass(frozen=True)
class Judgement:
    """What a step comes to, in one sentence."""

    status: Status
    sentence: str


@dataclass(frozen=True)
class StepResult:
    """One step of a bringup, done or not reached. `remedies`: what to try next, of a step that failed."""

    name: str
    judgement: Judgement
    readings: tuple[Reading, ...] = ()
    remedies: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def status(self) -> Status:
        return self.judgement.status


def passed(sentence: str) -> Judgement:
    return Judgement("passed", sentence)


def failed(sentence: str) -> Judgement:
    return Judgement("failed", sentence)


def not_applicable(sentence: str) -> Judgement:
    return Judgement("not applicable", sentence)


def of_problems(problems: list[str], good: str) -> Judgement:
    """Failed by what is wrong, one sentence each, or passed."""
    return failed(" ".join(problems)) if problems else passed(good)
