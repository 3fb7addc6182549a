"""What a run measures: each picture once per network and board, each judged by the budgets of its test."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_stm32pose.judge import budget
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.picture import measure
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.measure.stale import told_if_stale
from pytest_stm32pose.metrics.keypoints import can_judge, set_of
from pytest_stm32pose.record import summarise
from pytest_stm32pose.run.ahead import Ahead
from pytest_stm32pose.run.families import set_of_network
from pytest_stm32pose.run.inputs import RunInputs, check_keypoint_budgets
from pytest_stm32pose.run.measurements import Measurements
from pytest_stm32pose.run.outcomes import Outcomes
from pytest_stm32pose.run.seen import PictureNames
from pytest_stm32pose.types import NetworkDescription, Picture

if TYPE_CHECKING:
    from pytest_stm32pose.golden.store import GoldenStore

#: Timed inferences per picture on hardware; on virtual boards one is exact.
HARDWARE_REPEAT = 10


class RunMeasurements:
    """Results by network and board.

    Args:
        outcomes: knows which test runs.

    Attributes:
        by_network: (board, SHA-256 of the network) -> what was measured of the two.
        ahead: the picture that comes next, made ready meanwhile.
    """

    def __init__(self, inputs: RunInputs, outcomes: Outcomes) -> None:
        self._inputs = inputs
        self._settings = inputs.settings
        self._outcomes = outcomes
        self._names = PictureNames(self._own_picture)
        self.ahead = Ahead(lambda: inputs.pictures, self._names, is_on=inputs.settings.overlap == "auto")
        self._measured: dict[tuple[str, str], Measurements] = {}
        self.by_network: Mapping[tuple[str, str], Measurements] = MappingProxyType(self._measured)

    def forget(self, test: str) -> None:
        """The test runs again."""
        for measured in self._measured.values():
            measured.forget(test)

    def measure(self, device: Device, golden: GoldenStore, picture: Picture) -> PictureResult:
        """One picture on one device against its golden, measured once per run.

        A picture is what is in it: one that was changed and kept its name is measured under a name of its own.
        """
        measured = self.of(device)
        other = "" if device.preprocessing == self._settings.preprocess else device.preprocessing.text
        picture, content = self._names.named(picture, other)
        if picture.id not in measured.pictures:
            golden.require(picture)  # before the device is asked for something that nothing can be compared with
            given = picture
            picture = _without_foreign_labels(picture, device.network.description)
            result = measure(
                device,
                golden,
                picture,
                repeat=self._settings.repeat or (1 if device.times_first_run else HARDWARE_REPEAT),
                profile=self._settings.profile,
                made=self.ahead.input_of(device, picture, content),
                ahead=self.ahead.work(device, measured.pictures.__contains__),
            )
            if picture is not given:
                result = replace(result, labels="foreign")
            measured.pictures[picture.id] = told_if_stale(result, measured.pictures.values())
        return measured.pictures[picture.id]

    def measure_all(
        self, device: Device, golden: GoldenStore, leaving: Collection[str] = ()
    ) -> Iterator[PictureResult]:
        """The run's pictures in their order, each measured once per run, the next one made ready meanwhile.

        Args:
            leaving: ids of those that somebody else measures.
        """
        ids, measured = self._inputs.pictures.ids, self.of(device).pictures
        numbers = [number for number, name in enumerate(ids) if name not in leaving]
        before = self.ahead.expect(None)
        try:
            for place, number in enumerate(numbers):
                self.ahead.expect(next((other for other in numbers[place + 1 :] if ids[other] not in measured), None))
                # The name alone says that it is measured: it is that of the file's own picture, whatever else came.
                yield measured.get(ids[number]) or self.measure(device, golden, self.ahead.picture(number))
        finally:
            self.ahead.expect(before)

    def subject(self, device: Device) -> tuple[Picture, PictureResult | None]:
        """A picture for whoever needs any, and its result: of the run's pictures the one that this process measured
        last, which its slot may still hold; without one the first, and no result."""
        ids, measured = self._inputs.pictures.ids, self.of(device).pictures
        name = next((name for name in reversed(measured) if name in ids), None)
        if name is None:
            return self.ahead.picture(0), None
        return self.ahead.picture(ids.index(name)), measured[name]

    def _own_picture(self, identifier: str) -> Picture | None:
        """The run's picture of an id, decoded."""
        ids = self._inputs.pictures.ids
        return self._inputs.pictures[ids.index(identifier)] if identifier in ids else None

    def of(self, device: Device) -> Measurements:
        """What was measured of the device's network on its board so far."""
        key = (device.board.spec.name, device.network.description.sha256)
        return self._measured.setdefault(key, Measurements(device))

    def limits(self, device: Device) -> tuple[budget.Budget, ...]:
        """The budgets of a whole run: the user's, and those that came with the network where the user gave none."""
        given = self._inputs.given_budgets()
        names = {limit.name for limit in given}
        return (*given, *(limit for limit in device.budgets if limit.name not in names))

    def judge(self, device: Device, result: PictureResult, limits: Mapping[str, float]) -> str:
        """Budgets on one picture. Returns what is wrong, "" when every budget is kept."""
        judged = self._evaluate(device, [result], budget.parse_budgets(limits))
        apart = result.divergence.describe() if result.divergence else ""
        return summarise.verdict_sentence(f"{result.picture_id} on {device.board.spec.name}", apart, judged)

    def check(self, device: Device, result: PictureResult, given: Mapping[str, float]) -> str:
        """As `judge`, by the budgets given or, where they leave it open, exactly as our own kernels must compute."""
        figures = summarise.measured(device, [result], None)
        return self.judge(device, result, budget.for_a_picture(given, figures, device.is_exact))

    def _evaluate(
        self, device: Device, results: list[PictureResult], budgets: tuple[budget.Budget, ...]
    ) -> list[budget.BudgetResult]:
        check_keypoint_budgets(device.network.description, budgets)
        measured = self.of(device)
        measured.ask_memory()
        judged = budget.evaluate(budgets, summarise.measured(device, results, measured.memory))
        measured.keep(self._outcomes.test, [result.picture_id for result in results], judged)
        return judged


def _without_foreign_labels(picture: Picture, network: NetworkDescription) -> Picture:
    """Any network runs on labelled pictures, not every one is judged by them; `RunInputs.notes` says so."""
    fits = picture.truth is None or can_judge(set_of(picture.truth), set_of_network(network))
    return picture if fits else replace(picture, truth=None)
