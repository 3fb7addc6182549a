"""A bringup as a whole: its steps in their order, ended by the first that fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pytest_stm32pose.bench.bringup import memories, reaching, running
from pytest_stm32pose.bench.bringup.advice import remedies
from pytest_stm32pose.bench.bringup.step import Judgement, Readings, StepResult, failed
from pytest_stm32pose.bench.bringup.subject import Subject
from pytest_stm32pose.bench.explain import explained
from pytest_stm32pose.errors import PoseError


@dataclass(frozen=True)
class Step:
    """One step. `help`: what it does, for `--steps`."""

    name: str
    help: str
    run: Callable[[Subject, Readings], Judgement]


STEPS = (
    Step("probe", "the debug probe of the board is found, and which others there are", reaching.probe),
    Step("port", "its access port answers; core and device id are the catalog's", reaching.port),
    Step("ram", "every RAM region through the probe: data and address lines, cells; no firmware needed", reaching.ram),
    Step("firmware", "our firmware is put on the board, verified, starts and answers HELLO", running.firmware),
    Step("clocks", "its clock is the catalog's, and runs so fast by the host's clock", running.clocks),
    Step("flash", "external RAM; a sector for networks is erased, programmed, verified, restored", memories.flash),
    Step("uart", "the serial port: HELLO, large frames, errors counted on both sides", running.uart),
    Step("mailbox", "the same through the mailbox in RAM, over the probe", running.mailbox),
    Step("selftest", "the firmware's self test, part by part", running.self_test),
    Step("network", "the default network: one picture, every output equal to the golden's, ticks", running.network),
)


def bring_up(subject: Subject, steps: Sequence[Step] = STEPS) -> Iterator[StepResult]:
    """Does one step after the other, and gives each result; nothing follows one that failed."""
    for step in steps:
        result = _done(step, subject)
        yield result
        if result.status == "failed":
            return


def _done(step: Step, subject: Subject) -> StepResult:
    readings = Readings()
    began = time.monotonic()
    try:
        judgement = step.run(subject, readings)
    except PoseError as error:
        told = explained(subject.board, error)
        judgement = failed(told.message)
        own = (told.remedy,) if told.remedy else ()
    else:
        own = ()
    spec = subject.spec
    tries = (*own, *remedies(spec.firmware, step.name, spec.name)) if judgement.status == "failed" else ()
    return StepResult(step.name, judgement, tuple(readings.items), tries, time.monotonic() - began)


def not_reached(done: Sequence[StepResult], steps: Sequence[Step] = STEPS) -> list[StepResult]:
    """The steps after those that were done."""
    return [StepResult(step.name, Judgement("not reached", "not reached")) for step in steps[len(done) :]]
