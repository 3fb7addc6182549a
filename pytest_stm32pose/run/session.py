"""One run: what its options name, the boards kept ready, what was measured, and what it all comes to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_stm32pose.bench.interruption import cut_off_by
from pytest_stm32pose.errors import PoseError
from pytest_stm32pose.measure.result import PictureResult
from pytest_stm32pose.run.benches import Benches
from pytest_stm32pose.run.inputs import RunInputs
from pytest_stm32pose.run.measurements import Measurements
from pytest_stm32pose.run.measuring import RunMeasurements
from pytest_stm32pose.run.outcomes import Outcomes
from pytest_stm32pose.settings import Settings
from pytest_stm32pose.types import Picture

if TYPE_CHECKING:
    from pytest_stm32pose.bench.session import BoardSession
    from pytest_stm32pose.golden.store import GoldenStore
    from pytest_stm32pose.measure.device import Device
    from pytest_stm32pose.pictures.files import PictureSequence
    from pytest_stm32pose.run.overlays import Overlays
    from pytest_stm32pose.run.verdict import RunVerdict


class PoseRun:
    """What the tests of a session share: the parts of a run, and the ways between them. Opens nothing by itself.

    Attributes:
        settings: the options.
        inputs: what they name: pictures, networks, goldens, firmware, baseline.
        benches: the boards kept ready.
        measurements: what was measured, each picture judged by the budgets of its test.
        outcomes: what the tests came to.
    """

    def __init__(self, settings: Settings, root: Path) -> None:
        self._started = datetime.now(UTC)
        self.settings = settings
        self.inputs = RunInputs(settings, root)
        self.benches = Benches(self.inputs)
        self.outcomes = Outcomes()
        self.measurements = RunMeasurements(self.inputs, self.outcomes)

    @cached_property
    def verdict(self) -> RunVerdict:
        """Made when the run is over: nothing before the first picture waits for what a record needs."""
        from pytest_stm32pose.run.verdict import RunVerdict

        return RunVerdict(self.inputs, self.benches, self.measurements, self.outcomes, self._started)

    @cached_property
    def overlays(self) -> Overlays:
        """Made when the first one is drawn, or the report is."""
        from pytest_stm32pose.run.overlays import Overlays

        return Overlays()

    # --- what tests ask for (the fixtures pose_images, pose_golden, pose_board, pose_device, pose_check) ---

    @property
    def pictures(self) -> PictureSequence:
        """The test pictures."""
        return self.inputs.pictures

    def golden(self, model: str) -> GoldenStore:
        """The goldens of a network."""
        return self.inputs.golden(model)

    def board(self, name: str) -> BoardSession:
        """A board, open, with its firmware running. Raises PoseError, the same one again for every later test."""
        return self.benches.board(name)

    def device(self, session: BoardSession, model: str) -> Device:
        """The board with the network loaded. A row of the zoo that does not get so far is recorded with its reason."""
        try:
            return session.device(self.inputs.network(model))
        except PoseError as error:
            if model in self.settings.zoo:
                self.outcomes.add_not_run(model, session.spec.name, error)
            raise

    def measure(self, device: Device, golden: GoldenStore, picture: Picture) -> PictureResult:
        """One picture on one device against its golden, measured once per run."""
        return self.measurements.measure(device, golden, picture)

    def measure_all(self, device: Device, golden: GoldenStore) -> Iterator[PictureResult]:
        """All test pictures in their order, each measured once per run; the next one is uploaded meanwhile."""
        return self.measurements.measure_all(device, golden)

    def record(self) -> dict[str, Any]:
        """The run record so far, as its JSON document."""
        return self.verdict.record().to_json()

    # --- from test to test ---

    def begin(self, test: str) -> None:
        """A test begins; one that failed before is not judged by what was measured then."""
        if self.outcomes.begin(test):
            self.measurements.forget(test)

    def add_failure(self, node: str, error: BaseException | None) -> None:
        """A test on a board failed, or could not run."""
        cut = cut_off_by(error)
        self.outcomes.add(node, error, cut)
        if cut:
            self.benches.abandon()

    # --- the end ---

    def complete(self) -> None:
        """What only open boards can tell: figures that the budgets of the whole run need, and where a network that
        differs did so first."""
        for (board, _), measured in self.measurements.by_network.items():
            names = [limit.name for limit in self.measurements.limits(measured.device)]
            if any(name.startswith("firmware_") for name in names) and not self.benches.sessions[board].suspect:
                with contextlib.suppress(PoseError):  # then the budget says that it was not measured
                    measured.ask_memory()
        if not self.settings.fault:  # it is in the image that was flashed, not in the one that would be looked at
            for (board, _), measured in self.measurements.by_network.items():
                self._localise(self.benches.sessions[board], measured)

    def _localise(self, session: BoardSession, measured: Measurements) -> None:
        """Names the operator that differed first where the small plan hides it: one picture again, every tensor kept.

        The board then holds another image. One that cannot leaves the answer as it is.
        """
        network = measured.device.network
        path = self.inputs.path_of(network)
        hidden = (result for result in measured.pictures.values() if result.picture_id in self.pictures.ids)
        result = next((result for result in hidden if _is_hidden(measured.device, result)), None)
        if path is None or result is None or network.plan_name != "small":
            return
        try:
            picture = next(picture for picture in self.pictures if picture.id == result.picture_id)
            device = session.device(self.inputs.every_tensor(path))
            divergence = device.compare_intermediates(self.inputs.golden_of(path), picture).divergence
        except PoseError:
            return
        if divergence is not None and result.divergence is not None:
            divergence = replace(divergence, seen_at=result.divergence.op_index)
            measured.pictures[result.picture_id] = replace(result, divergence=divergence)
            self.outcomes.reword(result.divergence.describe(), divergence.describe())

    def close(self) -> None:
        """Releases every board."""
        self.benches.close()

    def html_sections(self) -> list[str]:
        """For pytest-html's summary."""
        return self.overlays.sections(self.verdict.record(), self.pictures.pixels_of)


def _is_hidden(device: Device, result: PictureResult) -> bool:
    """An operator before the one that is known to differ may be the first."""
    divergence = result.divergence
    return divergence is not None and (divergence.stage == "output" or bool(device.hidden_before(divergence)))
