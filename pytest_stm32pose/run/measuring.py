"""What a run measures: each picture once per network and board, each judged by the budgets of its test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose.judge import budget
from pytest_stm32pose.measure.device import Device
from pytest_stm32pose.measure.picture import measure
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.measure.stale import told_if_stale
from pytest_stm32pose.metrics.keypoints import can_judge
from pytest_stm32pose.protocol.messages import Capability
from pytest_stm32pose.record import summarise
from pytest_stm32pose.run.inputs import RunInputs, check_keypoint_budgets
from pytest_stm32pose.run.measurements import Measurements
from pytest_stm32pose.run.outcomes import Outcomes
from pytest_stm32pose.run.seen import PictureNames
from pytest_stm32pose.settings import Settings
from pytest_stm32pose.types import Picture

if TYPE_CHECKING:
    from pytest_stm32pose.golden.store import GoldenStore

#: Timed inferences per picture on hardware; on virtual boards one is exact.
HARDWARE_REPEAT = 10


class RunMeasurements(RunInputs):
    """Results by network and board, and what the tests came to."""

    def __init__(self, settings: Settings, root: Path) -> None:
        super().__init__(settings, root)
        self.outcomes = Outcomes()
        self._measured: dict[tuple[str, str], Measurements] = {}
        self._names = PictureNames(self._own_picture)

    def begin(self, test: str) -> None:
        """A test begins; one that failed before is not judged by what was measured then."""
        if self.outcomes.begin(test):
            for found in self._measured.values():
                found.forget(test)

    def measure(self, device: Device, golden: GoldenStore, picture: Picture) -> PictureResult:
        """One picture on one device against its golden, measured once per run.

        A picture is what is in it: one that was changed and kept its name is measured under a name of its own.
        """
        found = self.measurements(device)
        other = "" if device.preprocessing == self.settings.preprocess else device.preprocessing
        picture = self._names.named(picture, other)
        if picture.id not in found.pictures:
            golden.require(picture)  # before the device is asked for something that nothing can be compared with
            given = picture
            picture = _without_foreign_labels(picture, device.network.description.keypoints)
            repeat = self.settings.repeat or (1 if device.times_first_run else HARDWARE_REPEAT)
            result = measure(device, golden, picture, repeat=repeat, profile=self.settings.profile)
            if picture is not given:
                result = replace(result, labels="foreign")
            found.pictures[picture.id] = told_if_stale(result, found.pictures.values())
        return found.pictures[picture.id]

    def _own_picture(self, identifier: str) -> Picture | None:
        """The run's picture of an id, decoded."""
        ids = self.pictures.ids
        return self.pictures[ids.index(identifier)] if identifier in ids else None

    def measurements(self, device: Device) -> Measurements:
        """What was measured of the device's network on its board so far."""
        key = (device.board.spec.name, device.network.description.sha256)
        return self._measured.setdefault(key, Measurements(device))

    def limits(self, device: Device) -> tuple[budget.Budget, ...]:
        """The budgets of a whole run: the user's, and those that came with the network where the user gave none."""
        given = self.given_budgets()
        names = {each.name for each in given}
        return (*given, *(each for each in device.budgets if each.name not in names))

    def judge(self, device: Device, result: PictureResult, limits: Mapping[str, float]) -> str:
        """Budgets on one picture. Returns what is wrong, "" when every budget is kept."""
        judged = self._evaluate(device, [result], budget.parse_budgets(limits))
        return summarise.verdict_sentence(f"{result.picture_id} on {device.board.spec.name}", [result], judged)

    def check(self, device: Device, result: PictureResult, given: Mapping[str, float]) -> str:
        """As `judge`, by the budgets given or, where they leave it open, exactly as our own kernels must compute."""
        figures = summarise.measured(device, [result], None)
        return self.judge(device, result, budget.for_a_picture(given, figures, device.is_exact))

    def _evaluate(
        self, device: Device, found: list[PictureResult], budgets: tuple[budget.Budget, ...]
    ) -> list[budget.BudgetResult]:
        check_keypoint_budgets(device.network.description, budgets)
        measurements = self.measurements(device)
        self.ask_memory(measurements)
        judged = budget.evaluate(budgets, summarise.measured(device, found, measurements.memory))
        measurements.keep(self.outcomes.test, found, judged)
        return judged

    @staticmethod
    def ask_memory(measurements: Measurements) -> None:
        """Once, of a firmware that can tell. Raises PoseError: the board does not answer."""
        device = measurements.device
        if measurements.memory is None and device.capabilities & Capability.MEMORY:
            measurements.memory = device.runner.memory()


def _without_foreign_labels(picture: Picture, keypoints: int) -> Picture:
    """Any network runs on labelled pictures, not every one is judged by them; `RunInputs.notes` says so."""
    fits = picture.truth is None or can_judge(picture.truth.keypoints_px.shape[1], keypoints)
    return picture if fits else replace(picture, truth=None)
